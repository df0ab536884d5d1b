with

final as (

    select
        record_key,
        report_id,
        reporter_actor_id,
        reported_actor_id,
        item_id,
        source_id,

        product_code,
        policy_code,
        row_hash,

        severity,

        cast(reported_at as date) as reported_date,

        reported_at,
        version_at,
        ingested_at

    from {{ source("raw", "user_reports") }}

)

select * from final

with

versions as (

    select * from {{ ref("base_user_reports") }}

),

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

        reported_date,

        reported_at,
        version_at,
        ingested_at

    from versions

    qualify {{ is_newest_version() }}

)

select * from final

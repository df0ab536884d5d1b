with

versions as (

    select * from {{ ref("base_user_reports") }}

),

ranked as (

    select
        *,
        {{ version_rank() }} as version_rank

    from versions

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

    from ranked

    where version_rank = 1

)

select * from final

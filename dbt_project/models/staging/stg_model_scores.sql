with

versions as (

    select * from {{ ref("base_model_scores") }}

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
        actor_id,
        item_id,
        source_id,

        product_code,
        model_name,
        model_version,
        policy_code,
        row_hash,

        score,

        scored_date,

        scored_at,
        version_at,
        ingested_at

    from ranked

    where version_rank = 1

)

select * from final

with

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

        cast(scored_at as date) as scored_date,

        scored_at,
        version_at,
        ingested_at

    from {{ source("raw", "model_scores") }}

)

select * from final

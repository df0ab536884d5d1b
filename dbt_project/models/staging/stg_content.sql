with

versions as (

    select * from {{ ref("base_content") }}

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
        content_id,
        actor_id,
        source_id,

        product_code,
        content_type,
        language_code,
        body_hash,
        template_hash,
        row_hash,

        body_length,

        created_date,

        created_at,
        version_at,
        ingested_at

    from ranked

    where version_rank = 1

)

select * from final

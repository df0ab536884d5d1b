with

versions as (

    select * from {{ ref("base_content") }}

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

    from versions

    qualify {{ is_newest_version() }}

)

select * from final

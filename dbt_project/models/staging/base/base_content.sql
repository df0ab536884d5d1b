with

final as (

    select
        record_key,
        content_id,
        actor_id,
        source_id,

        product_code,
        content_type,
        language_code,
        md5(body) as body_hash,
        {{ template_hash('body') }} as template_hash,
        row_hash,

        length(body) as body_length,

        cast(created_at as date) as created_date,

        created_at,
        version_at,
        ingested_at

    from {{ source("raw", "content") }}

)

select * from final

with

final as (

    select
        record_key,
        list_id,
        source_id,

        entry_type,
        lower(trim(entry)) as entry,
        category_code,
        row_hash,

        score,

        list_date,

        version_at,
        ingested_at

    from {{ source("raw", "reputation") }}

)

select * from final

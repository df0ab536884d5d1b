with

versions as (

    select * from {{ ref("base_reputation") }}

),

final as (

    select
        record_key,
        list_id,
        source_id,

        entry_type,
        entry,
        category_code,
        row_hash,

        score,

        list_date,

        version_at,
        ingested_at

    from versions

    qualify {{ is_newest_version() }}

)

select * from final

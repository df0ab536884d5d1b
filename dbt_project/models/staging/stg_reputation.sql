with

versions as (

    select * from {{ ref("base_reputation") }}

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

    from ranked

    where version_rank = 1

)

select * from final

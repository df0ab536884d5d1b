with

changes as (

    select * from {{ source("raw", "store_changes") }}

    where table_name = 'certificates'

),

ranked as (

    select
        *,
        row_number() over (
            partition by row_key
            order by change_id desc
        ) as change_rank

    from changes

),

final as (

    select
        {{ json_text("row", "certificate_id") }} as certificate_id,
        {{ json_text("row", "table_name") }} as table_name,
        {{ json_text("row", "result") }} as result_code,

        cast({{ json_text("row", "snapshot_id") }} as bigint) as snapshot_id,
        cast({{ json_text("row", "row_count") }} as bigint) as row_count,

        cast({{ json_text("row", "checked_at") }} as timestamp) as checked_at,
        cast({{ json_text("row", "expires_at") }} as timestamp) as expires_at,
        changed_at,
        ingested_at

    from ranked

    where change_rank = 1

)

select * from final

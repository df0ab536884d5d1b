with

final as (

    select
        record_key,
        appeal_id,
        action_id,
        source_id,

        outcome_code,
        row_hash,

        submitted_at,
        decided_at,
        updated_at,
        version_at,
        ingested_at

    from {{ source("raw", "appeals") }}

)

select * from final

with

versions as (

    select * from {{ ref("base_appeals") }}

),

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

    from versions

    qualify {{ is_newest_version() }}

)

select * from final

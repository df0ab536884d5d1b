with

versions as (

    select * from {{ ref("base_appeals") }}

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

    from ranked

    where version_rank = 1

)

select * from final

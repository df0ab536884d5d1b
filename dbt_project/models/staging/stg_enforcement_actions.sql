with

versions as (

    select * from {{ ref("base_enforcement_actions") }}

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
        action_id,
        actor_id,
        detection_id,
        source_id,

        product_code,
        policy_code,
        action_code,
        state_code,
        decision_source_code,
        reason,
        row_hash,

        decided_at,
        valid_from_at,
        valid_to_at,
        updated_at,
        version_at,
        ingested_at

    from ranked

    where version_rank = 1

)

select * from final

with

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

    from {{ source("raw", "enforcement_actions") }}

)

select * from final

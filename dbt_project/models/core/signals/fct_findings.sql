{{
    config(
        materialized="incremental",
        incremental_strategy="delete+insert",
        unique_key="finding_key",
        on_schema_change="fail",
    )
}}

with

findings as (

    select * from {{ ref("stg_findings") }}

    {% if is_incremental() %}

        where {{ in_interval() }}

    {% endif %}

),

final as (

    select
        finding_key,
        detection_id,
        detection_version,
        code_hash,
        mode_code,
        severity_code,
        policy_code,
        abuse_type_code,
        subject_code,
        actor_id,
        actor_type,
        product_code,
        dedup_key,
        score,
        event_count,
        evidence,
        first_event_at,
        last_event_at,
        window_start_at,
        window_end_at,
        detection_run_id,
        certificate_ids,
        snapshot_ids,
        found_at

    from findings

)

select * from final

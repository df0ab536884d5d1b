with

versions as (

    select * from {{ source("raw", "findings") }}

),

ranked as (

    select
        *,
        row_number() over (
            partition by finding_key
            order by found_at, ingested_at
        ) as finding_rank

    from versions

),

final as (

    select
        finding_key,
        detection_id,
        actor_id,
        detection_run_id,

        code_hash,
        mode_code,
        severity_code,
        policy_code,
        abuse_type_code,
        coalesce(subject_code, 'offender') as subject_code,
        actor_type,
        product_code,
        dedup_key,
        evidence,
        certificate_ids,
        snapshot_ids,
        parameters,

        detection_version,
        score,
        event_count,

        first_event_at,
        last_event_at,
        window_start_at,
        window_end_at,
        found_at,
        ingested_at

    from ranked

    -- The same finding may be appended twice, by a run that was repeated.
    where finding_rank = 1

)

select * from final

with

versions as (

    select * from {{ ref("base_events") }}

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
        event_id,
        actor_id,
        content_id,
        session_id,
        device_id,
        source_id,

        actor_type,
        product_code,
        event_type,
        outcome_code,
        resource,
        ip_address,
        user_agent,
        row_hash,

        occurred_nanos,
        status_code,
        input_tokens,
        output_tokens,
        bytes_count,
        duration_ms,

        occurred_date,

        occurred_at,
        version_at,
        ingested_at

    from ranked

    where version_rank = 1

)

select * from final

with

final as (

    select
        record_key,
        event_id,
        actor_id,
        content_id,
        session_id,
        device_id,
        source_id,
        file_id,

        actor_type,
        product_code,
        event_type,
        outcome_code,
        resource,
        lower(ip_address) as ip_address,
        user_agent,
        row_hash,

        coalesce(occurred_nanos, 0) as occurred_nanos,
        status_code,
        input_tokens,
        output_tokens,
        bytes_count,
        duration_ms,
        row_number,

        cast(occurred_at as date) as occurred_date,

        occurred_at,
        version_at,
        ingested_at

    from {{ source("raw", "events") }}

)

select * from final

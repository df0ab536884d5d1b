{{
    config(
        materialized="incremental",
        incremental_strategy="replace_touched",
        unique_key="event_key",
        on_schema_change="fail",
        meta={
            "key": ["event_key"],
            "touched": "int_activity__touched_events",
            "touched_day": "occurred_date",
            "day": "occurred_date",
            "sorted_by": ["occurred_date", "actor_id"],
        },
    )
}}

{%- set touched = ref("int_activity__touched_events") %}

with

versions as (

    select * from {{ ref("int_activity__event_versions") }}

    {% if is_incremental() %}

        where
            {{ near_touched_days("occurred_at", touched, "occurred_date") }}
            and {{ is_touched(["record_type", "record_key"], touched) }}

    {% endif %}

),

old_versions as (

    select * from {{ ref("int_activity__old_event_versions") }}

),

-- Rebuilt from all versions, so that an old interval that is run again cannot
-- put an old version back.
newest as (

    select versions.*

    from versions

    left join old_versions
        on
            versions.record_type = old_versions.record_type
            and versions.source_id = old_versions.source_id
            and versions.file_id = old_versions.file_id
            and versions.row_number = old_versions.row_number

    where old_versions.file_id is null

),

final as (

    select
        {{ surrogate_key(["record_type", "record_key"]) }} as event_key,
        event_id,
        source_id,
        actor_id,
        actor_type,
        product_code,
        event_type,
        outcome_code,
        status_code,
        resource,
        content_id,
        session_id,
        ip_address,
        device_id,
        user_agent,
        country_code,
        payment_fingerprint,
        amount,
        currency_code,
        input_tokens,
        output_tokens,
        bytes_count,
        duration_ms,
        cast(occurred_nanos as integer) as occurred_nanos,
        occurred_date,
        occurred_at,
        ingested_at

    from newest

)

select * from final

{{ in_stored_order() }}

{{ config(materialized="ephemeral") }}

with

events as (

    select * from {{ ref("base_events") }}

),

logins as (

    select * from {{ ref("base_logins") }}

),

payments as (

    select * from {{ ref("base_payments") }}

),

final as (

    select
        'event' as record_type,
        record_key,
        event_id,
        source_id,
        file_id,
        actor_id,
        content_id,
        session_id,
        device_id,

        actor_type,
        product_code,
        event_type,
        outcome_code,
        resource,
        ip_address,
        user_agent,
        cast(null as {{ text_type() }}) as country_code,
        cast(null as {{ text_type() }}) as payment_fingerprint,
        cast(null as {{ text_type() }}) as currency_code,
        row_hash,

        status_code,
        cast(null as decimal(18, 2)) as amount,
        input_tokens,
        output_tokens,
        bytes_count,
        duration_ms,
        occurred_nanos,
        row_number,

        occurred_date,

        occurred_at,
        version_at,
        ingested_at

    from events

    union all

    select
        'login' as record_type,
        record_key,
        login_id as event_id,
        source_id,
        file_id,
        actor_id,
        null as content_id,
        null as session_id,
        device_id,

        actor_type,
        product_code,
        'login' as event_type,
        outcome_code,
        method_code as resource,
        ip_address,
        user_agent,
        country_code,
        null as payment_fingerprint,
        null as currency_code,
        row_hash,

        null as status_code,
        null as amount,
        null as input_tokens,
        null as output_tokens,
        null as bytes_count,
        null as duration_ms,
        0 as occurred_nanos,
        row_number,

        occurred_date,

        occurred_at,
        version_at,
        ingested_at

    from logins

    union all

    select
        'payment' as record_type,
        record_key,
        payment_id as event_id,
        source_id,
        file_id,
        actor_id,
        null as content_id,
        null as session_id,
        device_id,

        'user' as actor_type,
        product_code,
        'payment' as event_type,
        outcome_code,
        null as resource,
        ip_address,
        null as user_agent,
        null as country_code,
        payment_fingerprint,
        currency_code,
        row_hash,

        null as status_code,
        amount,
        null as input_tokens,
        null as output_tokens,
        null as bytes_count,
        null as duration_ms,
        0 as occurred_nanos,
        row_number,

        occurred_date,

        occurred_at,
        version_at,
        ingested_at

    from payments

)

select * from final

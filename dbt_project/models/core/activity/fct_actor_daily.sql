{{
    config(
        materialized="incremental",
        incremental_strategy="replace_touched",
        unique_key=["actor_id", "product_code", "activity_date"],
        on_schema_change="fail",
        meta={
            "key": ["actor_daily_key"],
            "touched": "int_activity__touched_actor_days",
            "touched_day": "activity_date",
            "day": "activity_date",
            "sorted_by": ["activity_date", "actor_id"],
        },
    )
}}

{%- set touched = ref("int_activity__touched_actor_days") %}

with

events as (

    select * from {{ ref("fct_events") }}

    {% if is_incremental() %}

        where
            {{ near_touched_days("occurred_date", touched, "activity_date") }}
            and {{
                is_touched(
                    ["actor_id", "product_code", "occurred_date"],
                    touched,
                    ["actor_id", "product_code", "activity_date"],
                )
            }}

    {% endif %}

),

by_minute as (

    select
        actor_id,
        product_code,
        occurred_date,
        date_trunc('minute', occurred_at) as occurred_minute_at,
        count(*) as event_count

    from events

    group by actor_id, product_code, occurred_date, occurred_minute_at

),

busiest_minute as (

    select
        actor_id,
        product_code,
        occurred_date,
        max(event_count) as max_events_per_minute

    from by_minute

    group by actor_id, product_code, occurred_date

),

daily as (

    select
        actor_id,
        product_code,
        occurred_date as activity_date,
        min(actor_type) as actor_type,
        count(*) as event_count,
        count(*) filter (where event_type = 'request') as request_count,
        count(*) filter (
            where event_type = 'login' and outcome_code = 'success'
        ) as login_success_count,
        count(*) filter (
            where event_type = 'login' and outcome_code <> 'success'
        ) as login_failure_count,
        count(*) filter (
            where outcome_code in ('declined', 'chargeback')
        ) as payment_failure_count,
        count(*) filter (where outcome_code = 'error') as error_count,
        count(*) filter (
            where outcome_code in ('denied', 'refused')
        ) as denied_count,
        count(distinct ip_address) as distinct_ip_count,
        count(distinct device_id) as distinct_device_count,
        count(distinct resource) as distinct_resource_count,
        count(distinct user_agent) as distinct_user_agent_count,
        cast(coalesce(sum(input_tokens), 0) as bigint) as input_tokens,
        cast(coalesce(sum(output_tokens), 0) as bigint) as output_tokens,
        cast(coalesce(sum(bytes_count), 0) as bigint) as bytes_count,
        count(distinct date_trunc('hour', occurred_at)) as active_hour_count,
        min(occurred_at) as first_event_at,
        max(occurred_at) as last_event_at

    from events

    group by actor_id, product_code, activity_date

),

final as (

    select
        {{
            surrogate_key(
                ["daily.actor_id", "daily.product_code", "daily.activity_date"]
            )
        }} as actor_daily_key,
        daily.actor_id,
        daily.actor_type,
        daily.product_code,
        daily.activity_date,
        daily.event_count,
        daily.request_count,
        daily.login_success_count,
        daily.login_failure_count,
        daily.payment_failure_count,
        daily.error_count,
        daily.denied_count,
        daily.distinct_ip_count,
        daily.distinct_device_count,
        daily.distinct_resource_count,
        daily.distinct_user_agent_count,
        daily.input_tokens,
        daily.output_tokens,
        daily.bytes_count,
        daily.active_hour_count,
        busiest_minute.max_events_per_minute,
        daily.first_event_at,
        daily.last_event_at

    from daily

    inner join busiest_minute
        on
            daily.actor_id = busiest_minute.actor_id
            and daily.product_code = busiest_minute.product_code
            and daily.activity_date = busiest_minute.occurred_date

)

select * from final

{{ in_stored_order() }}

{#- Log-ins and payments that failed. A failed log-in says that an account is
    under attack before it says anything about who owns it: its weight is small,
    and its policy is take-over. -#}
{%- set whole = builds_whole("abuse_signals") -%}
{%- set touched = ref("int_signals__touched_actor_days") %}

with

events as (

    select * from {{ ref("fct_events") }}

    where
        event_type in ('login', 'payment')
        and {{ near_touched_days("occurred_date", touched, "occurred_date") }}
        and {{
            is_touched(["actor_id", "occurred_date"], touched, whole=whole)
        }}

),

by_day as (

    select
        actor_id,
        product_code,
        case
            when event_type = 'login' and outcome_code <> 'success'
                then 'login_failures'
            when outcome_code = 'declined' then 'payment_failures'
            when outcome_code = 'chargeback' then 'chargeback'
        end as signal_kind_code,
        occurred_date,
        count(*) as event_count,
        max(occurred_at) as occurred_at

    from events

    group by actor_id, product_code, signal_kind_code, occurred_date

),

final as (

    select
        actor_id,
        cast(null as {{ text_type() }}) as item_id,
        {{
            surrogate_key(["actor_id", "product_code", "occurred_date"])
        }} as evidence_id,

        signal_kind_code,
        product_code,
        cast(null as {{ text_type() }}) as policy_code,
        'actor_day' as evidence_type,

        round(
            case signal_kind_code
                when 'chargeback' then 1 - 0.3e0 / event_count
                when 'payment_failures' then 1 - 2e0 / event_count
                else 1 - 4e0 / event_count
            end,
            6
        ) as score,
        event_count as evidence_count,

        occurred_date,

        occurred_at

    from by_day

    -- A mistyped password or a card over its limit is no evidence.
    where
        (signal_kind_code = 'login_failures' and event_count >= 5)
        or (signal_kind_code = 'payment_failures' and event_count >= 3)
        or signal_kind_code = 'chargeback'

)

select * from final

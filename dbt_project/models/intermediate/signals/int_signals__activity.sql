{#- A spike is a day far beyond the actor's own past. An actor without a past is
    measured against what is rare for anyone on the product, so that a new
    account is no blind spot. -#}
{%- set whole = builds_whole("abuse_signals") -%}
{%- set touched = ref("int_signals__touched_actor_days") %}

with

actor_days as (

    select * from {{ ref("fct_actor_daily") }}

    where
        {{
            near_touched_days(
                "activity_date",
                touched,
                "occurred_date",
                before=var("baseline_days"),
            )
        }}
        and {{ is_touched(["actor_id"], touched, whole=whole) }}

),

-- Failed log-ins are somebody's at the actor's door, not the actor's own.
daily as (

    select
        actor_days.actor_id,
        actor_days.product_code,
        actor_days.activity_date,
        actor_days.event_count - actor_days.login_failure_count as event_count,
        least(
            actor_days.max_events_per_minute,
            actor_days.event_count - actor_days.login_failure_count
        ) as max_events_per_minute,
        actor_days.last_event_at

    from actor_days

),

products as (

    select * from {{ ref("products") }}

),

-- Days without activity have no row and stay out of the mean: an actor of
-- weekly habit is measured against its active days.
baselined as (

    select
        *,
        count(*) over past as past_days,
        coalesce(sum(event_count) over past, 0) as past_events,
        coalesce(sum(event_count * event_count) over past, 0)
            as past_squared_events,
        coalesce(max(max_events_per_minute) over past, 0)
            as past_events_per_minute

    from daily

    window
        past as (
            partition by actor_id, product_code
            order by activity_date
            {{ frame_of_days_before(var("baseline_days")) }}
        )

),

measured as (

    select
        baselined.*,
        coalesce(products.rare_events_per_day, 1000) as rare_events_per_day,
        coalesce(products.rare_events_per_minute, 60)
            as rare_events_per_minute,
        cast(baselined.past_events as double)
        / greatest(baselined.past_days, 1) as mean_events,
        cast(baselined.past_squared_events as double)
        / greatest(baselined.past_days, 1) as mean_squared_events,
        baselined.past_days >= {{ var("baseline_minimum_days") }}
            as has_past

    from baselined

    left join products on baselined.product_code = products.product_code

),

scored as (

    select
        *,
        -- Deviations above the mean; Poisson noise is the least there is.
        (event_count - mean_events) / sqrt(
            greatest(
                mean_squared_events - mean_events * mean_events,
                mean_events,
                1
            )
        ) as event_deviations

    from measured

),

volume as (

    select
        actor_id,
        product_code,
        'volume_spike' as signal_kind_code,
        event_count as evidence_count,
        activity_date,
        last_event_at,
        greatest(
            case
                when
                    has_past
                    and event_deviations >= 4
                    and event_count >= 3 * mean_events
                    and event_count >= rare_events_per_day / 10e0
                    then 1 - 4 / (event_deviations + 4)
                else 0
            end,
            case
                when
                    event_count >= rare_events_per_day
                    and (not has_past or event_count >= 3 * mean_events)
                    then 1 - rare_events_per_day / (2e0 * event_count)
                else 0
            end
        ) as score

    from scored

),

velocity as (

    select
        actor_id,
        product_code,
        'velocity_spike' as signal_kind_code,
        max_events_per_minute as evidence_count,
        activity_date,
        last_event_at,
        greatest(
            case
                when
                    has_past
                    and max_events_per_minute >= 5 * past_events_per_minute
                    and max_events_per_minute >= rare_events_per_minute / 3e0
                    then
                        1 - 5e0 * past_events_per_minute
                        / (2e0 * max_events_per_minute)
                else 0
            end,
            case
                when
                    max_events_per_minute >= rare_events_per_minute
                    and (
                        not has_past
                        or max_events_per_minute >= 5 * past_events_per_minute
                    )
                    then
                        1 - rare_events_per_minute
                        / (2e0 * max_events_per_minute)
                else 0
            end
        ) as score

    from scored

),

spikes as (

    select * from volume

    union all

    select * from velocity

),

final as (

    select
        spikes.actor_id,
        cast(null as {{ text_type() }}) as item_id,
        {{
            surrogate_key(
                [
                    "spikes.actor_id",
                    "spikes.product_code",
                    "spikes.activity_date",
                ]
            )
        }} as evidence_id,

        spikes.signal_kind_code,
        spikes.product_code,
        cast(null as {{ text_type() }}) as policy_code,
        'actor_day' as evidence_type,

        round(spikes.score, 6) as score,
        spikes.evidence_count,

        spikes.activity_date as occurred_date,

        spikes.last_event_at as occurred_at

    from spikes

    where
        spikes.score > 0
        and {{
            is_touched(
                ["spikes.actor_id", "spikes.activity_date"],
                touched,
                ["actor_id", "occurred_date"],
                whole=whole,
            )
        }}

)

select * from final

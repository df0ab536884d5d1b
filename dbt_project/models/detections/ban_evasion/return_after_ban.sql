with

bans as (

    select
        actor_id,
        valid_from_at as banned_at

    from {{ ref("enforcement_history") }}

    where
        action_code in ('suspend', 'terminate')
        and state_code <> 'scheduled'
        and not is_overturned

),

-- A machine in a library is no trace of anybody.
shared_by as (

    select
        attribute_type,
        attribute_value,
        count(*) as actor_count

    from {{ ref("bridge_actor_attributes") }}

    where attribute_type in ('device', 'payment_fingerprint')

    group by
        attribute_type,
        attribute_value

    having
        count(*) between
        2 and {{ var("operation_attribute_maximum_actors") }}

),

traces as (

    select
        bans.actor_id as banned_actor_id,
        bans.banned_at,
        attributes.attribute_type,
        attributes.attribute_value

    from bans

    inner join {{ ref("bridge_actor_attributes") }} as attributes
        on bans.actor_id = attributes.actor_id

    inner join shared_by
        on
            attributes.attribute_type = shared_by.attribute_type
            and attributes.attribute_value = shared_by.attribute_value

    where attributes.first_seen_at <= bans.banned_at

),

new_accounts as (

    select
        actor_id,
        min(created_at) as created_at

    from {{ ref("dim_actors") }}

    where actor_type = 'user' and not is_inferred

    group by actor_id

    having max(parent_actor_id) is null

),

events as (

    select
        actor_id,
        actor_type,
        product_code,
        device_id,
        payment_fingerprint,
        occurred_date,
        occurred_at

    from {{ ref("fct_events") }}

    where
        (device_id is not null or payment_fingerprint is not null)
        and not (event_type = 'login' and outcome_code <> 'success')
        and {{ in_window("occurred_at") }}

),

new_events as (

    select
        events.*,
        new_accounts.created_at

    from events

    inner join new_accounts on events.actor_id = new_accounts.actor_id

    where
        {{ days_between(
            "cast(new_accounts.created_at as date)",
            "events.occurred_date"
        ) }}
        <= {{ threshold("max_age_days", "events.product_code") }}

),

uses as (

    select
        actor_id,
        actor_type,
        product_code,
        'device' as attribute_type,
        device_id as attribute_value,
        created_at,
        occurred_date,
        occurred_at

    from new_events

    union all

    select
        actor_id,
        actor_type,
        product_code,
        'payment_fingerprint' as attribute_type,
        payment_fingerprint as attribute_value,
        created_at,
        occurred_date,
        occurred_at

    from new_events

),

return_days as (

    select
        uses.actor_id,
        uses.occurred_date,
        min(uses.actor_type) as actor_type,
        min(uses.product_code) as product_code,
        count(distinct traces.banned_actor_id) as banned_count,
        count(distinct uses.attribute_type) as kind_count,
        count(distinct uses.occurred_at) as event_count,
        min({{ days_between(
            "cast(traces.banned_at as date)", "cast(uses.created_at as date)"
        ) }}) as days_after,
        min(uses.occurred_at) as first_event_at,
        max(uses.occurred_at) as last_event_at,
        row_number() over (
            partition by uses.actor_id
            order by uses.occurred_date
        ) as day_number

    from uses

    inner join traces
        on
            uses.attribute_type = traces.attribute_type
            and uses.attribute_value = traces.attribute_value
            and uses.actor_id <> traces.banned_actor_id

    where
        uses.created_at >= traces.banned_at
        and {{ days_between(
            "cast(traces.banned_at as date)", "cast(uses.created_at as date)"
        ) }} <= {{ threshold("max_days_after", "uses.product_code") }}

    group by
        uses.actor_id,
        uses.occurred_date

),

final as (

    select
        actor_id,
        actor_type,
        product_code,
        {{ finding_key(["actor_id"]) }} as dedup_key,
        -- The device or the card gives 0.63, both 0.86; less from a week on.
        cast(
            round(
                (1 - exp(-1e0 * kind_count))
                * case when days_after <= 7 then 1e0 else 0.7e0 end,
                6
            ) as double
        ) as score,
        cast(event_count as bigint) as event_count,
        first_event_at,
        last_event_at,
        {{ evidence({
            "banned_accounts_behind_it": "banned_count",
            "kinds_of_trace": "kind_count",
            "days_from_ban_to_sign_up": "days_after",
        }) }} as evidence

    from return_days

    where day_number = 1

)

select * from final

with

uses as (

    select distinct
        actor_id,
        actor_type,
        product_code,
        occurred_date,
        {{ network_of("ip_address") }} as network

    from {{ ref("fct_events") }}

    where
        actor_type = 'api_key'
        and ip_address is not null
        and {{ in_window("occurred_at") }}

),

key_days as (

    select
        actor_id,
        actor_type,
        product_code,
        occurred_date,
        count(*) as network_count

    from uses

    group by
        actor_id,
        actor_type,
        product_code,
        occurred_date

),

busy_days as (

    select *

    from key_days

    where network_count >= {{ threshold("min_networks") }}

),

-- The key's own two weeks before: programs run from few places, and from the
-- same ones.
past as (

    select
        busy_days.actor_id,
        busy_days.product_code,
        busy_days.occurred_date,
        count(*) as past_day_count,
        avg(earlier.network_count) as usual_network_count

    from busy_days

    inner join key_days as earlier
        on
            busy_days.actor_id = earlier.actor_id
            and busy_days.product_code = earlier.product_code
            and busy_days.occurred_date > earlier.occurred_date
            and earlier.occurred_date
            >= {{ add_days("busy_days.occurred_date", -14) }}

    group by
        busy_days.actor_id,
        busy_days.product_code,
        busy_days.occurred_date

),

known_networks as (

    select distinct
        busy_days.actor_id,
        busy_days.product_code,
        busy_days.occurred_date,
        uses.network

    from busy_days

    inner join uses
        on
            busy_days.actor_id = uses.actor_id
            and busy_days.product_code = uses.product_code
            and busy_days.occurred_date > uses.occurred_date
            and uses.occurred_date
            >= {{ add_days("busy_days.occurred_date", -14) }}

),

strange_networks as (

    select
        uses.actor_id,
        uses.product_code,
        uses.occurred_date,
        count(*) as new_network_count

    from uses

    left join known_networks
        on
            uses.actor_id = known_networks.actor_id
            and uses.product_code = known_networks.product_code
            and uses.occurred_date = known_networks.occurred_date
            and uses.network = known_networks.network

    where known_networks.network is null

    group by
        uses.actor_id,
        uses.product_code,
        uses.occurred_date

),

leaks as (

    select
        busy_days.actor_id,
        busy_days.actor_type,
        busy_days.product_code,
        busy_days.occurred_date,
        busy_days.network_count,
        past.usual_network_count,
        strange_networks.new_network_count

    from busy_days

    inner join past
        on
            busy_days.actor_id = past.actor_id
            and busy_days.product_code = past.product_code
            and busy_days.occurred_date = past.occurred_date

    inner join strange_networks
        on
            busy_days.actor_id = strange_networks.actor_id
            and busy_days.product_code = strange_networks.product_code
            and busy_days.occurred_date = strange_networks.occurred_date

    where
        past.past_day_count
        >= {{ threshold("min_past_days", "busy_days.product_code") }}
        and busy_days.network_count >= past.usual_network_count
        * {{ threshold("min_times_usual", "busy_days.product_code") }}
        and strange_networks.new_network_count >= busy_days.network_count
        * {{ threshold("min_new_share", "busy_days.product_code") }}

),

key_events as (

    select
        leaks.actor_id,
        leaks.actor_type,
        leaks.product_code,
        leaks.occurred_date,
        leaks.network_count,
        leaks.usual_network_count,
        leaks.new_network_count,
        count(*) as event_count,
        min(events.occurred_at) as first_event_at,
        max(events.occurred_at) as last_event_at

    from leaks

    inner join {{ ref("fct_events") }} as events
        on
            leaks.actor_id = events.actor_id
            and leaks.product_code = events.product_code
            and leaks.occurred_date = events.occurred_date

    where {{ in_window("events.occurred_at") }}

    group by
        leaks.actor_id,
        leaks.actor_type,
        leaks.product_code,
        leaks.occurred_date,
        leaks.network_count,
        leaks.usual_network_count,
        leaks.new_network_count

),

final as (

    select
        actor_id,
        actor_type,
        product_code,
        {{ finding_key(["actor_id", "product_code", "occurred_date"]) }}
            as dedup_key,
        -- Eight networks never seen before give 0.55, twenty 0.86.
        cast(round(1 - exp(-new_network_count / 10e0), 6) as double) as score,
        cast(event_count as bigint) as event_count,
        first_event_at,
        last_event_at,
        {{ evidence({
            "networks_that_day": "network_count",
            "never_seen_in_14_days": "new_network_count",
            "usual_networks_a_day": "round(usual_network_count, 2)",
        }) }} as evidence

    from key_events

)

select * from final

with

shares as (

    select
        actor_id,
        actor_type,
        product_code,
        resource,
        occurred_at,
        occurred_date

    from {{ ref("fct_events") }}

    where
        event_type = 'share'
        and resource is not null
        and {{ in_window("occurred_at") }}

),

-- What everybody shares says nothing about two of them (and would make the
-- join below as large as its square).
rare_objects as (

    select
        product_code,
        resource,
        occurred_date

    from shares

    group by
        product_code,
        resource,
        occurred_date

    having
        count(distinct actor_id) between 2
        and {{ threshold("max_actors_of_an_object") }}

),

rare_shares as (

    select shares.*

    from shares

    inner join rare_objects
        on
            shares.product_code = rare_objects.product_code
            and shares.resource = rare_objects.resource
            and shares.occurred_date = rare_objects.occurred_date

),

-- Both directions, so that each actor has its partners.
links as (

    select
        rare_shares.actor_id,
        rare_shares.actor_type,
        partner_shares.actor_id as partner_id,
        rare_shares.product_code,
        rare_shares.resource,
        rare_shares.occurred_date,
        min(abs({{
            seconds_between("rare_shares.occurred_at", "partner_shares.occurred_at")
        }})) as seconds_apart,
        min(rare_shares.occurred_at) as first_event_at,
        max(rare_shares.occurred_at) as last_event_at

    from rare_shares

    inner join rare_shares as partner_shares
        on
            rare_shares.product_code = partner_shares.product_code
            and rare_shares.resource = partner_shares.resource
            and rare_shares.occurred_date = partner_shares.occurred_date
            and rare_shares.actor_id <> partner_shares.actor_id

    where
        abs({{
            seconds_between("rare_shares.occurred_at", "partner_shares.occurred_at")
        }}) <= {{ threshold("max_seconds_slow", "rare_shares.product_code") }}

    group by
        rare_shares.actor_id,
        rare_shares.actor_type,
        partner_shares.actor_id,
        rare_shares.product_code,
        rare_shares.resource,
        rare_shares.occurred_date

),

link_days as (

    select distinct
        actor_id,
        actor_type,
        partner_id,
        product_code,
        occurred_date

    from links

),

-- A pair by its last seven days: again and again, or it may be chance.
pairs as (

    select
        link_days.actor_id,
        link_days.actor_type,
        link_days.partner_id,
        link_days.product_code,
        link_days.occurred_date,
        count(distinct links.resource) as slow_count,
        count(distinct case
            when
                links.seconds_apart
                <= {{ threshold("max_seconds_fast", "links.product_code") }}
                then links.resource
        end) as fast_count,
        min(links.first_event_at) as first_event_at,
        max(links.last_event_at) as last_event_at

    from link_days

    inner join links
        on
            link_days.actor_id = links.actor_id
            and link_days.partner_id = links.partner_id
            and link_days.product_code = links.product_code
            and links.occurred_date
            between {{ add_days("link_days.occurred_date", -6) }}
            and link_days.occurred_date

    group by
        link_days.actor_id,
        link_days.actor_type,
        link_days.partner_id,
        link_days.product_code,
        link_days.occurred_date

),

actor_days as (

    select
        actor_id,
        actor_type,
        product_code,
        occurred_date,
        count(*) as partner_count,
        max(fast_count) as most_fast,
        max(slow_count) as most_slow,
        min(first_event_at) as first_event_at,
        max(last_event_at) as last_event_at

    from pairs

    where
        fast_count >= {{ threshold("min_objects_fast") }}
        or slow_count >= {{ threshold("min_objects_slow") }}

    group by
        actor_id,
        actor_type,
        product_code,
        occurred_date

),

final as (

    select
        actor_id,
        actor_type,
        product_code,
        {{ finding_key(["actor_id", "product_code", "occurred_date"]) }}
            as dedup_key,
        -- Two partners and three objects within the minute give 0.46.
        cast(
            round(
                1 - exp(
                    -(partner_count + most_fast + most_slow / 3e0) / 10e0
                ), 6
            ) as double
        ) as score,
        cast(most_slow as bigint) as event_count,
        first_event_at,
        last_event_at,
        {{ evidence({
            "partners_in_7_days": "partner_count",
            "most_objects_within_a_minute": "most_fast",
            "most_objects_within_hours": "most_slow",
        }) }} as evidence

    from actor_days

    where partner_count >= {{ threshold("min_partners") }}

)

select * from final

with

items as (

    select
        actor_id,
        item_id,
        product_code,
        score,
        occurred_at,
        occurred_date

    from {{ ref("abuse_signals") }}

    where
        signal_kind_code = 'classifier_score'
        and policy_code = 'jailbreak'
        and product_code is not null
        and {{ in_window("occurred_at") }}
        and score >= {{ threshold("min_score") }}

),

{{ items_together(7) }},

flagged as (

    select distinct actor_id from items

),

-- Templates of flagged actors: the same text from many accounts is a tool that
-- is passed around, not a whim.
templates as (

    select
        attributes.actor_id,
        attributes.attribute_value,
        cast(attributes.first_seen_at as date) as first_seen_date

    from {{ ref("bridge_actor_attributes") }} as attributes

    inner join flagged on attributes.actor_id = flagged.actor_id

    where attributes.attribute_type = 'prompt_template'

),

sharers as (

    select
        together.actor_id,
        together.product_code,
        together.occurred_date,
        count(distinct peers.actor_id) as sharer_count

    from together

    inner join templates
        on
            together.actor_id = templates.actor_id
            and together.occurred_date >= templates.first_seen_date

    inner join templates as peers
        on
            templates.attribute_value = peers.attribute_value
            and templates.actor_id <> peers.actor_id
            and together.occurred_date >= peers.first_seen_date

    -- Flagged by then: what they will do is not known yet.
    inner join item_days
        on
            peers.actor_id = item_days.actor_id
            and item_days.occurred_date
            between {{ add_days("together.occurred_date", -6) }}
            and together.occurred_date

    group by
        together.actor_id,
        together.product_code,
        together.occurred_date

),

joined as (

    select
        together.*,
        coalesce(sharers.sharer_count, 0) as sharer_count

    from together

    left join sharers
        on
            together.actor_id = sharers.actor_id
            and together.product_code = sharers.product_code
            and together.occurred_date = sharers.occurred_date

),

final as (

    select
        actor_id,
        actor_type,
        product_code,
        {{ finding_key(["actor_id", "product_code", "occurred_date"]) }}
            as dedup_key,
        -- Three items give 0.39, ten 0.81; three whose template six others use,
        -- 0.57.
        cast(
            round(
                1 - exp(-(item_count + least(sharer_count, 20) / 3e0) / 6e0), 6
            ) as double
        ) as score,
        cast(item_count as bigint) as event_count,
        first_event_at,
        last_event_at,
        {{ evidence({
            "items_in_7_days": "item_count",
            "highest_score": "round(highest_score, 3)",
            "all_events_in_7_days": "event_count",
            "flagged_actors_with_the_template": "sharer_count",
        }) }} as evidence

    from joined

    where
        item_count >= event_count * {{ threshold("min_share") }}
        and (
            item_count >= {{ threshold("min_items") }}
            or (
                item_count >= {{ threshold("min_items_if_shared") }}
                and sharer_count >= {{ threshold("min_sharers") }}
            )
        )

)

select * from final

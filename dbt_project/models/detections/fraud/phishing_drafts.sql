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
        and policy_code = 'fraud'
        and product_code is not null
        and {{ in_window("occurred_at") }}
        and score >= {{ threshold("min_score") }}

),

{{ items_together(7) }},

shares as (

    select distinct
        actor_id,
        content_id

    from {{ ref("fct_events") }}

    where
        event_type = 'share'
        and content_id is not null
        and {{ in_window("occurred_at") }}

),

-- A draft that is given to others is meant for them.
shared_items as (

    select
        item_days.actor_id,
        item_days.product_code,
        item_days.occurred_date,
        count(distinct items.item_id) as shared_count

    from item_days

    inner join items
        on
            item_days.actor_id = items.actor_id
            and item_days.product_code = items.product_code
            and items.occurred_date
            between {{ add_days("item_days.occurred_date", -6) }}
            and item_days.occurred_date

    inner join shares
        on
            items.actor_id = shares.actor_id
            and items.item_id = shares.content_id

    group by
        item_days.actor_id,
        item_days.product_code,
        item_days.occurred_date

),

joined as (

    select
        together.*,
        coalesce(shared_items.shared_count, 0) as shared_count

    from together

    left join shared_items
        on
            together.actor_id = shared_items.actor_id
            and together.product_code = shared_items.product_code
            and together.occurred_date = shared_items.occurred_date

),

final as (

    select
        actor_id,
        actor_type,
        product_code,
        {{ finding_key(["actor_id", "product_code", "occurred_date"]) }}
            as dedup_key,
        -- Three drafts give 0.39; three of which two are shared, 0.57.
        cast(
            round(1 - exp(-(item_count + shared_count) / 6e0), 6) as double
        ) as score,
        cast(item_count as bigint) as event_count,
        first_event_at,
        last_event_at,
        {{ evidence({
            "items_in_7_days": "item_count",
            "of_them_shared": "shared_count",
            "highest_score": "round(highest_score, 3)",
            "all_events_in_7_days": "event_count",
        }) }} as evidence

    from joined

    where
        item_count >= event_count * {{ threshold("min_share") }}
        and (
            item_count >= {{ threshold("min_items") }}
            or (
                item_count >= {{ threshold("min_items_if_shared") }}
                and shared_count >= 1
            )
        )

)

select * from final

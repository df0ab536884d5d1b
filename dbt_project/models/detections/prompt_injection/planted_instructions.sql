with

uploads as (

    select distinct
        actor_id,
        content_id

    from {{ ref("fct_events") }}

    where
        event_type = 'upload'
        and content_id is not null
        and {{ in_window("occurred_at") }}

),

-- Uploads only: a page that one's agent was shown is somebody else's.
items as (

    select
        signals.actor_id,
        signals.item_id,
        signals.product_code,
        signals.score,
        signals.occurred_at,
        signals.occurred_date

    from {{ ref("abuse_signals") }} as signals

    inner join uploads
        on
            signals.actor_id = uploads.actor_id
            and signals.item_id = uploads.content_id

    where
        signals.signal_kind_code = 'injected_instructions'
        and signals.policy_code = 'prompt_injection'
        and signals.product_code is not null
        and {{ in_window("signals.occurred_at") }}
        and signals.score
        >= {{ threshold("min_score", "signals.product_code") }}

),

{{ items_together(7) }},

final as (

    select
        actor_id,
        actor_type,
        product_code,
        {{ finding_key(["actor_id", "product_code", "occurred_date"]) }}
            as dedup_key,
        -- Two files give 0.33, five 0.63.
        cast(round(1 - exp(-item_count / 5e0), 6) as double) as score,
        cast(item_count as bigint) as event_count,
        first_event_at,
        last_event_at,
        {{ evidence({
            "files_in_7_days": "item_count",
            "highest_score": "round(highest_score, 3)",
            "all_events_in_7_days": "event_count",
        }) }} as evidence

    from together

    where
        item_count >= {{ threshold("min_items") }}
        and item_count >= event_count * {{ threshold("min_share") }}

)

select * from final

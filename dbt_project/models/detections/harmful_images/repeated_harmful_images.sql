with

image_products as (

    select product_code

    from {{ ref("dim_products") }}

    where product_type_code = 'image_generation'

),

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
        and policy_code in ('harassment', 'sexual_content')
        and product_code in (
            select image_products.product_code from image_products
        )
        and {{ in_window("occurred_at") }}
        and score >= {{ threshold("min_score") }}

),

{{ items_together(3) }},

final as (

    select
        actor_id,
        actor_type,
        product_code,
        {{ finding_key(["actor_id", "product_code", "occurred_date"]) }}
            as dedup_key,
        -- Three images give 0.45, ten 0.86.
        cast(round(1 - exp(-item_count / 5e0), 6) as double) as score,
        cast(item_count as bigint) as event_count,
        first_event_at,
        last_event_at,
        {{ evidence({
            "images_in_3_days": "item_count",
            "highest_score": "round(highest_score, 3)",
            "all_events_in_3_days": "event_count",
        }) }} as evidence

    from together

    where
        item_count >= {{ threshold("min_items") }}
        and item_count >= event_count * {{ threshold("min_share") }}

)

select * from final

with

payments as (

    select
        actor_id,
        actor_type,
        product_code,
        payment_fingerprint,
        outcome_code,
        amount,
        occurred_at,
        occurred_date

    from {{ ref("fct_events") }}

    where
        event_type = 'payment'
        and outcome_code in ('succeeded', 'declined')
        and payment_fingerprint is not null
        and {{ in_window("occurred_at") }}

),

actor_days as (

    select
        actor_id,
        actor_type,
        product_code,
        occurred_date,
        count(*) as payment_count,
        count(distinct payment_fingerprint) as card_count,
        count(distinct case
            when outcome_code = 'declined' then payment_fingerprint
        end) as declined_card_count,
        coalesce(max(amount), 0) as largest_amount,
        min(occurred_at) as first_event_at,
        max(occurred_at) as last_event_at

    from payments

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
        -- Five cards with three declined give 0.63, nine with six give 0.85.
        cast(
            round(1 - exp(-(card_count + declined_card_count) / 8e0), 6)
            as double
        ) as score,
        cast(payment_count as bigint) as event_count,
        first_event_at,
        last_event_at,
        {{ evidence({
            "different_cards_that_day": "card_count",
            "declined_cards": "declined_card_count",
            "largest_amount": "largest_amount",
        }) }} as evidence

    from actor_days

    where
        card_count >= {{ threshold("min_cards") }}
        and declined_card_count >= {{ threshold("min_declined_cards") }}
        and declined_card_count
        >= card_count * {{ threshold("min_declined_share") }}

)

select * from final

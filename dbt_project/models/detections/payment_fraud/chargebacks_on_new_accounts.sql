with

chargebacks as (

    select
        actor_id,
        actor_type,
        product_code,
        payment_fingerprint,
        occurred_at,
        occurred_date

    from {{ ref("fct_events") }}

    where
        event_type = 'payment'
        and outcome_code = 'chargeback'
        and {{ in_window("occurred_at") }}

),

accounts as (

    select
        actor_id,
        min(created_at) as created_at

    from {{ ref("dim_actors") }}

    where not is_inferred and created_at is not null

    group by actor_id

),

young_days as (

    select distinct
        chargebacks.actor_id,
        chargebacks.actor_type,
        chargebacks.product_code,
        chargebacks.occurred_date,
        {{ days_between(
            "cast(accounts.created_at as date)", "chargebacks.occurred_date"
        ) }} as age_days

    from chargebacks

    inner join accounts on chargebacks.actor_id = accounts.actor_id

    where
        {{ days_between(
            "cast(accounts.created_at as date)", "chargebacks.occurred_date"
        ) }} <= {{ threshold("max_age_days", "chargebacks.product_code") }}

),

-- Nothing of an account that young lies before the window.
totals as (

    select
        young_days.actor_id,
        young_days.actor_type,
        young_days.product_code,
        young_days.occurred_date,
        young_days.age_days,
        count(*) as chargeback_count,
        count(distinct chargebacks.payment_fingerprint) as card_count,
        min(chargebacks.occurred_at) as first_event_at,
        max(chargebacks.occurred_at) as last_event_at

    from young_days

    inner join chargebacks
        on
            young_days.actor_id = chargebacks.actor_id
            and young_days.product_code = chargebacks.product_code
            and young_days.occurred_date >= chargebacks.occurred_date

    group by
        young_days.actor_id,
        young_days.actor_type,
        young_days.product_code,
        young_days.occurred_date,
        young_days.age_days

),

final as (

    select
        actor_id,
        actor_type,
        product_code,
        {{ finding_key(["actor_id", "product_code", "occurred_date"]) }}
            as dedup_key,
        -- One chargeback gives 0.33, three of as many cards 0.78.
        cast(
            round(1 - exp(-(chargeback_count + card_count) / 5e0), 6)
            as double
        ) as score,
        cast(chargeback_count as bigint) as event_count,
        first_event_at,
        last_event_at,
        {{ evidence({
            "chargebacks_since_sign_up": "chargeback_count",
            "different_cards": "card_count",
            "age_of_account_in_days": "age_days",
        }) }} as evidence

    from totals

    where chargeback_count >= {{ threshold("min_chargebacks") }}

)

select * from final

with logins as (

    select
        actor_id,
        actor_type,
        product_code,
        ip_address,
        outcome_code,
        occurred_at,
        occurred_date

    from {{ ref("fct_events") }}

    where
        event_type = 'login'
        and ip_address is not null
        and {{ in_window("occurred_at") }}

),

-- Guessing comes from one address at many accounts or at one, so failures are
-- counted by address, whatever account they tried.
address_totals as (

    select
        ip_address,
        product_code,
        occurred_date,
        occurred_at,
        actor_id,
        actor_type,
        outcome_code,
        sum(case when outcome_code = 'success' then 0 else 1 end) over (
            partition by ip_address, product_code, occurred_date
            order by occurred_at
            range between interval '6' hour preceding and current row
        ) as recent_failure_count

    from logins

),

-- What the account itself looked like from this address: a person who mistypes
-- now and then succeeds far more often than not.
account_totals as (

    select
        actor_id,
        ip_address,
        product_code,
        occurred_date,
        sum(case when outcome_code = 'success' then 0 else 1 end)
            as account_failure_count

    from logins

    group by
        actor_id,
        ip_address,
        product_code,
        occurred_date

),

successes as (

    select
        address_totals.actor_id,
        address_totals.actor_type,
        address_totals.product_code,
        address_totals.ip_address,
        address_totals.occurred_date,
        count(*) as success_count,
        max(address_totals.recent_failure_count) as failure_count,
        max(account_totals.account_failure_count) as account_failure_count,
        min(address_totals.occurred_at) as first_event_at,
        max(address_totals.occurred_at) as last_event_at

    from address_totals

    inner join account_totals
        on
            address_totals.actor_id = account_totals.actor_id
            and address_totals.ip_address = account_totals.ip_address
            and address_totals.product_code = account_totals.product_code
            and address_totals.occurred_date = account_totals.occurred_date

    where
        address_totals.outcome_code = 'success'
        -- Ten failures in six hours: above what a forgotten password gives.
        and address_totals.recent_failure_count
        >= {{ threshold("min_failures", "address_totals.product_code") }}
        and account_totals.account_failure_count >= {{
            threshold("min_account_failures", "address_totals.product_code")
        }}

    group by
        address_totals.actor_id,
        address_totals.actor_type,
        address_totals.product_code,
        address_totals.ip_address,
        address_totals.occurred_date

    having
        max(account_totals.account_failure_count) > count(*)

),

final as (

    select
        actor_id,
        actor_type,
        product_code,
        {{ finding_key(["actor_id", "ip_address", "occurred_date"]) }}
            as dedup_key,
        -- Saturates: 10 failures give 0.39, 30 give 0.78, 100 give 0.99.
        cast(round(1 - exp(-failure_count / 20e0), 6) as double) as score,
        cast(success_count + account_failure_count as bigint) as event_count,
        first_event_at,
        last_event_at,
        {{ evidence({
            "failures_from_address_in_6_hours": "failure_count",
            "failures_on_account_that_day": "account_failure_count",
            "successes_after_them": "success_count",
        }) }} as evidence

    from successes

)

select * from final

with

logins as (

    select
        actor_id,
        actor_type,
        product_code,
        ip_address,
        device_id,
        resource,
        outcome_code,
        occurred_at,
        occurred_date

    from {{ ref("fct_events") }}

    where
        event_type = 'login'
        and ip_address is not null
        and {{ in_window("occurred_at") }}

),

successes as (

    select
        actor_id,
        actor_type,
        product_code,
        ip_address,
        occurred_date,
        min(device_id) as device_id,
        min(occurred_at) as success_at

    from logins

    where outcome_code = 'success' and resource = 'password'

    group by
        actor_id,
        actor_type,
        product_code,
        ip_address,
        occurred_date

),

tried as (

    select
        successes.actor_id,
        successes.actor_type,
        successes.product_code,
        successes.ip_address,
        successes.occurred_date,
        successes.device_id,
        successes.success_at,
        count(*) as failure_count,
        min(logins.occurred_at) as first_event_at

    from successes

    inner join logins
        on
            successes.actor_id = logins.actor_id
            and successes.product_code = logins.product_code
            and successes.ip_address = logins.ip_address
            and successes.occurred_date = logins.occurred_date
            and successes.success_at > logins.occurred_at

    where logins.outcome_code <> 'success'

    group by
        successes.actor_id,
        successes.actor_type,
        successes.product_code,
        successes.ip_address,
        successes.occurred_date,
        successes.device_id,
        successes.success_at

),

candidates as (

    select *

    from tried

    where
        failure_count between {{ threshold("min_failures") }}
        and {{ threshold("max_failures") }}

),

-- What the account had used before this day. Failed log-ins are no use of its.
known as (

    select
        candidates.actor_id,
        candidates.product_code,
        candidates.ip_address,
        candidates.occurred_date,
        sum(case when attributes.attribute_type = 'ip' then 1 else 0 end)
            as known_address_count,
        sum(case when attributes.attribute_type = 'device' then 1 else 0 end)
            as known_device_count,
        sum(
            case
                when
                    attributes.attribute_type = 'ip'
                    and attributes.attribute_value = candidates.ip_address
                    then 1
                when
                    attributes.attribute_type = 'device'
                    and attributes.attribute_value = candidates.device_id
                    then 1
                else 0
            end
        ) as same_count,
        min(cast(attributes.first_seen_at as date)) as known_since_date

    from candidates

    inner join {{ ref("bridge_actor_attributes") }} as attributes
        on candidates.actor_id = attributes.actor_id

    where
        attributes.attribute_type in ('ip', 'device')
        and cast(attributes.first_seen_at as date) < candidates.occurred_date

    group by
        candidates.actor_id,
        candidates.product_code,
        candidates.ip_address,
        candidates.occurred_date

),

-- Without a past with devices nobody can say what is new to the account.
takeovers as (

    select
        candidates.*,
        known.known_address_count,
        known.known_device_count

    from candidates

    inner join known
        on
            candidates.actor_id = known.actor_id
            and candidates.product_code = known.product_code
            and candidates.ip_address = known.ip_address
            and candidates.occurred_date = known.occurred_date

    where
        known.same_count = 0
        and known.known_address_count >= 1
        and known.known_device_count >= 1
        and {{ days_between(
            "known.known_since_date", "candidates.occurred_date"
        ) }} >= {{ threshold("min_past_days", "candidates.product_code") }}

),

final as (

    select
        actor_id,
        actor_type,
        product_code,
        {{ finding_key(["actor_id", "ip_address", "occurred_date"]) }}
            as dedup_key,
        -- Two failures give 0.49, five 0.74.
        cast(round(1 - exp(-failure_count / 3e0), 6) as double) as score,
        cast(failure_count + 1 as bigint) as event_count,
        first_event_at,
        success_at as last_event_at,
        {{ evidence({
            "failures_before_it_that_day": "failure_count",
            "addresses_known_of_the_account": "known_address_count",
            "devices_known_of_the_account": "known_device_count",
        }) }} as evidence

    from takeovers

)

select * from final

with

shares as (

    select
        actor_id,
        actor_type,
        product_code,
        resource,
        occurred_date,
        count(*) as share_count,
        min(occurred_at) as first_event_at,
        max(occurred_at) as last_event_at

    from {{ ref("fct_events") }}

    where
        event_type = 'share'
        and resource is not null
        and {{ in_window("occurred_at") }}

    group by
        actor_id,
        actor_type,
        product_code,
        resource,
        occurred_date

),

-- Somebody's own repetition of one link in three days.
repeats as (

    select
        own_days.actor_id,
        own_days.actor_type,
        own_days.product_code,
        own_days.resource,
        own_days.occurred_date,
        sum(shares.share_count) as share_count,
        min(shares.first_event_at) as first_event_at,
        max(shares.last_event_at) as last_event_at

    from shares as own_days

    inner join shares
        on
            own_days.actor_id = shares.actor_id
            and own_days.product_code = shares.product_code
            and own_days.resource = shares.resource
            and shares.occurred_date
            between {{ add_days("own_days.occurred_date", -2) }}
            and own_days.occurred_date

    group by
        own_days.actor_id,
        own_days.actor_type,
        own_days.product_code,
        own_days.resource,
        own_days.occurred_date

    having
        sum(shares.share_count)
        >= {{ threshold("min_shares", "own_days.product_code") }}

),

-- Who repeats alone has a favourite; several who repeat the same have a client.
accounts as (

    select
        repeats.actor_id,
        repeats.product_code,
        repeats.resource,
        repeats.occurred_date,
        count(distinct fellows.actor_id) as account_count

    from repeats

    inner join repeats as fellows
        on
            repeats.product_code = fellows.product_code
            and repeats.resource = fellows.resource
            and fellows.occurred_date
            between {{ add_days("repeats.occurred_date", -2) }}
            and repeats.occurred_date

    group by
        repeats.actor_id,
        repeats.product_code,
        repeats.resource,
        repeats.occurred_date

),

actor_days as (

    select
        repeats.actor_id,
        repeats.actor_type,
        repeats.product_code,
        repeats.occurred_date,
        count(*) as link_count,
        sum(repeats.share_count) as share_count,
        max(accounts.account_count) as account_count,
        min(repeats.first_event_at) as first_event_at,
        max(repeats.last_event_at) as last_event_at

    from repeats

    inner join accounts
        on
            repeats.actor_id = accounts.actor_id
            and repeats.product_code = accounts.product_code
            and repeats.resource = accounts.resource
            and repeats.occurred_date = accounts.occurred_date

    where
        accounts.account_count
        >= {{ threshold("min_accounts", "repeats.product_code") }}

    group by
        repeats.actor_id,
        repeats.actor_type,
        repeats.product_code,
        repeats.occurred_date

),

final as (

    select
        actor_id,
        actor_type,
        product_code,
        {{ finding_key(["actor_id", "product_code", "occurred_date"]) }}
            as dedup_key,
        -- Five posts of a link that three accounts repeat give 0.33, thirty of
        -- one that ten repeat, 0.86.
        cast(
            round(1 - exp(-(share_count + account_count) / 20e0), 6) as double
        ) as score,
        cast(share_count as bigint) as event_count,
        first_event_at,
        last_event_at,
        {{ evidence({
            "posts_of_these_links_in_3_days": "share_count",
            "links": "link_count",
            "accounts_that_repeat_them": "account_count",
        }) }} as evidence

    from actor_days

)

select * from final

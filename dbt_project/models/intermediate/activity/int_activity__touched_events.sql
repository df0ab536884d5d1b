{#- A correction of a payment may move its day, so both days count. Events and
    logins keep theirs: the day is part of their key. -#}
with

versions as (

    select * from {{ ref("int_activity__event_versions") }}

),

arrived as (

    select distinct
        record_type,
        record_key,
        occurred_date

    from versions

    where
        {{ in_interval() }}
        and not {{ builds_whole(["fct_events", "fct_actor_daily"]) }}

),

payments as (

    select * from {{ ref("base_payments") }}

),

payment_days as (

    select distinct
        arrived.record_type,
        arrived.record_key,
        payments.occurred_date

    from arrived

    inner join payments on arrived.record_key = payments.record_key

    where arrived.record_type = 'payment'

),

final as (

    select
        record_type,
        record_key,
        {{ surrogate_key(["record_type", "record_key"]) }} as event_key,
        occurred_date

    from arrived

    union

    select
        record_type,
        record_key,
        {{ surrogate_key(["record_type", "record_key"]) }} as event_key,
        occurred_date

    from payment_days

)

select * from final

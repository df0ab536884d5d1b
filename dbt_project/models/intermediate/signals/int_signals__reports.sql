{#- Only what reporters have proved counts: a reporter without a record, or with
    up to three right reports, has no weight here, so that a brigade of such
    accounts, however many, is no evidence against its target. Of the others, a
    hundred in a day never weigh more than the most credible of them. -#}
{%- set prior = (
    var("credibility_prior_right")
    / (var("credibility_prior_right") + var("credibility_prior_wrong"))
) -%}
{%- set whole = builds_whole("abuse_signals") -%}
{%- set touched = ref("int_signals__touched_actor_days") %}

with

reports as (

    select * from {{ ref("fct_reports") }}

    where
        {{ near_touched_days("reported_date", touched, "occurred_date") }}
        and {{
            is_touched(
                ["reported_actor_id", "reported_date"],
                touched,
                ["actor_id", "occurred_date"],
                whole=whole,
            )
        }}

),

weighed as (

    select
        *,
        -- Severity 1 is a shrug, 5 is an alarm.
        cast(
            (proven_credibility - {{ prior }}) / (1 - {{ prior }})
            * (severity - 1) / 4
            as decimal(9, 6)
        ) as weight

    from reports

    where severity > 1

),

proven as (

    select * from weighed

    where weight > 0

),

-- One reporter counts once a day.
by_reporter as (

    select
        reported_actor_id,
        item_id,
        product_code,
        policy_code,
        reported_date,
        reporter_actor_id,
        max(weight) as weight,
        count(*) as report_count,
        max(reported_at) as reported_at

    from proven

    group by
        reported_actor_id,
        item_id,
        product_code,
        policy_code,
        reported_date,
        reporter_actor_id

),

by_target as (

    select
        reported_actor_id,
        product_code,
        policy_code,
        reported_date,
        max(weight) as greatest_weight,
        sum(weight) as total_weight,
        count(distinct reporter_actor_id) as reporter_count,
        min(item_id) as item_id,
        count(distinct item_id) as item_count,
        max(reported_at) as reported_at

    from by_reporter

    group by reported_actor_id, product_code, policy_code, reported_date

),

final as (

    select
        reported_actor_id as actor_id,
        case when item_count = 1 then item_id end as item_id,
        {{
            surrogate_key(
                [
                    "reported_actor_id",
                    "product_code",
                    "policy_code",
                    "reported_date",
                ]
            )
        }} as evidence_id,

        'user_report' as signal_kind_code,
        product_code,
        policy_code,
        'reports_of_day' as evidence_type,

        round(
            cast(greatest_weight as double)
            * (1 - exp(-cast(total_weight as double))),
            6
        ) as score,
        reporter_count as evidence_count,

        reported_date as occurred_date,

        reported_at as occurred_at

    from by_target

)

select * from final

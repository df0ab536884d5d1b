{#- Every actor and day whose signals may have changed, whatever the reason. -#}
{%- set actor_days = ref("int_activity__touched_actor_days") -%}
{%- set editions = ref("int_reputation__touched_editions") %}

with

actor_days as (

    select * from {{ actor_days }}

),

daily as (

    select
        actor_id,
        product_code,
        activity_date

    from {{ ref("fct_actor_daily") }}

    where
        {{
            near_touched_days(
                "activity_date",
                actor_days,
                "activity_date",
                after=var("baseline_days"),
            )
        }}

),

-- A day is part of the baseline of the days after it.
baseline_days as (

    select
        daily.actor_id,
        daily.activity_date as occurred_date

    from daily

    inner join actor_days
        on
            daily.actor_id = actor_days.actor_id
            and daily.product_code = actor_days.product_code
            and daily.activity_date > actor_days.activity_date
            and daily.activity_date <= {{
                add_days("actor_days.activity_date", var("baseline_days"))
            }}

),

scores as (

    select * from {{ ref("base_model_scores") }}

),

arrived_scores as (

    select distinct record_key

    from scores

    where {{ in_interval() }}

),

neighbours as (

    select
        actor_id,
        occurred_date

    from {{ ref("int_signals__touched_neighbours") }}

),

score_days as (

    select
        scores.actor_id,
        scores.scored_date as occurred_date

    from scores

    inner join arrived_scores
        on scores.record_key = arrived_scores.record_key

),

report_days as (

    select
        reported_actor_id as actor_id,
        reported_date as occurred_date

    from {{ ref("int_reports__touched_reports") }}

),

editions as (

    select * from {{ editions }}

),

attribute_days as (

    select * from {{ ref("int_activity__attribute_days") }}

    where
        attribute_type = 'ip'
        and {{
            near_touched_days(
                "activity_date",
                editions,
                "valid_from_date",
                after=var("reputation_maximum_age_days"),
            )
        }}

),

-- An edition speaks of the days from its date on.
edition_days as (

    select
        attribute_days.actor_id,
        attribute_days.activity_date as occurred_date

    from attribute_days

    inner join editions
        on
            attribute_days.activity_date >= editions.valid_from_date
            and attribute_days.activity_date < {{
                add_days(
                    "editions.valid_from_date",
                    var("reputation_maximum_age_days")
                )
            }}

),

actors as (

    select * from {{ ref("base_actors") }}

),

arrived_actors as (

    select distinct actor_id

    from actors

    where {{ in_interval() }}

),

actor_version_days as (

    select
        actors.actor_id,
        cast(actors.updated_at as date) as occurred_date

    from actors

    inner join arrived_actors on actors.actor_id = arrived_actors.actor_id

    union all

    -- Where sign-up is stated anew, the day stated before is touched too.
    select
        actors.actor_id,
        cast(actors.created_at as date) as occurred_date

    from actors

    inner join arrived_actors on actors.actor_id = arrived_actors.actor_id

    where actors.created_at is not null

    union all

    select
        actors.actor_id,
        cast(actors.updated_at as date) as occurred_date

    from actors

    inner join editions
        on
            cast(actors.updated_at as date) >= editions.valid_from_date
            and cast(actors.updated_at as date) < {{
                add_days(
                    "editions.valid_from_date",
                    var("reputation_maximum_age_days")
                )
            }}

),

finding_days as (

    select
        actor_id,
        cast(coalesce(last_event_at, found_at) as date) as occurred_date

    from {{ ref("stg_findings") }}

    where {{ in_interval() }}

),

final as (

    select
        actor_id,
        activity_date as occurred_date

    from actor_days

    union

    select * from baseline_days

    union

    select * from neighbours

    union

    select * from score_days

    union

    select * from report_days

    union

    select * from edition_days

    union

    select * from actor_version_days

    union

    select * from finding_days

)

select * from final

where not {{ builds_whole("abuse_signals") }}

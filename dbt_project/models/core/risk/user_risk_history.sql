{{
    config(
        materialized="incremental",
        incremental_strategy="replace_touched",
        unique_key="actor_id",
        on_schema_change="fail",
        meta={
            "key": ["user_risk_history_key"],
            "touched": "int_risk__touched_actors",
            "sorted_by": ["actor_id"],
        },
    )
}}

-- depends_on: {{ ref("int_risk__touched_actors") }}

with

evidence as (

    select * from {{ ref("int_risk__evidence") }}

),

weights as (

    select * from {{ ref("risk_weights") }}

),

tiers as (

    select * from {{ ref("risk_tiers") }}

),

model as (

    select
        intercept.model_version,
        intercept.parameter_value as intercept,
        gain.parameter_value as gain

    from weights as intercept

    inner join weights as gain
        on intercept.model_version = gain.model_version

    where
        intercept.parameter_code = 'intercept'
        and gain.parameter_code = 'gain'

),

-- A row for each day that each evidence lasts: many, and sums over names are
-- kept in memory whole where those over numbers spill.
actors as (

    select
        actor_id,
        row_number() over (order by actor_id) as actor_number

    from (select distinct actor_id from evidence) as known

),

-- Of equals the first by name is the top one.
policies as (

    select
        policy_code,
        row_number() over (order by policy_code desc) as policy_number

    from (select distinct policy_code from evidence) as known

),

-- Evidence counts from the day after it: a reader of a day's start must not see
-- what that day brings. The last of these days is the one without it.
ages as (

    select
        actors.actor_number,
        policies.policy_number,
        evidence.severity_weight,
        evidence.evidence,
        evidence.half_life_days,
        evidence.lasting_days,
        evidence.occurred_date,
        {{ numbers_from_to("1", "evidence.lasting_days + 1") }} as age_days

    from evidence

    inner join actors on evidence.actor_id = actors.actor_id

    inner join policies on evidence.policy_code = policies.policy_code

),

faded as (

    select
        actor_number,
        policy_number,
        severity_weight,
        {{ add_days("occurred_date", "age_days") }} as risk_date,
        case
            when age_days > lasting_days then 0
            else {{ whole_parts(
                fade("evidence", "age_days", "half_life_days"), 9
            ) }}
        end as faded_billionths

    from ages

),

by_policy as (

    select
        actor_number,
        policy_number,
        severity_weight,
        risk_date,
        {{ whole_parts(
            "severity_weight * round("
            "1 - exp(-cast(sum(faded_billionths) as double) / 1e9), 6)", 6
        ) }} as weighted_millionths

    from faded

    group by actor_number, policy_number, severity_weight, risk_date

),

by_day as (

    select
        actor_number,
        risk_date,
        sum(weighted_millionths) as weighted_millionths,
        max(weighted_millionths * 1000000 + policy_number) filter (
            where weighted_millionths > 0
        ) as weight_and_policy

    from by_policy

    group by actor_number, risk_date

),

probable as (

    select
        by_day.actor_number,
        by_day.risk_date,
        by_day.weight_and_policy % 1000000 as policy_number,
        model.model_version,
        round(
            1 / (1 + exp(-round(
                model.intercept
                + model.gain * cast(by_day.weighted_millionths as double) / 1e6,
                6
            ))),
            6
        ) as risk_probability

    from by_day

    cross join model

),

banded as (

    select
        probable.*,
        tiers.tier_code,
        -- A probability rounded to 1 is of the highest band, not above it.
        least(19, cast(floor(probable.risk_probability * 20) as integer))
            as score_band

    from probable

    inner join tiers
        on
            probable.risk_probability >= tiers.probability_from
            and probable.risk_probability < tiers.probability_to

),

compared as (

    select
        *,
        lag(tier_code) over (
            partition by actor_number
            order by risk_date
        ) as tier_code_before,
        lag(score_band) over (
            partition by actor_number
            order by risk_date
        ) as score_band_before

    from banded

),

changes as (

    select * from compared

    where
        tier_code is distinct from tier_code_before
        or score_band is distinct from score_band_before

),

final as (

    select
        {{ surrogate_key(["actors.actor_id", "changes.risk_date"]) }}
            as user_risk_history_key,
        actors.actor_id,
        changes.risk_probability,
        changes.tier_code,
        changes.score_band,
        policies.policy_code as top_policy_code,
        changes.risk_date as valid_from_date,
        coalesce(
            lead(changes.risk_date) over (
                partition by changes.actor_number
                order by changes.risk_date
            ),
            date '9999-12-31'
        ) as valid_to_date,
        changes.model_version

    from changes

    inner join actors on changes.actor_number = actors.actor_number

    left join policies on changes.policy_number = policies.policy_number

)

select * from final

{{ in_stored_order() }}

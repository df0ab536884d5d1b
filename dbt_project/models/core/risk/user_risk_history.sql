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

    select
        actor_id,
        policy_code,
        occurred_date,
        severity_weight,
        half_life_days,
        lasting_days,
        evidence

    from {{ ref("int_risk__evidence") }}

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

-- Evidence counts from the day after it: a reader of a day's start must not see
-- what that day brings. The last of these days is the one without it.
ages as (

    select
        evidence.*,
        {{ numbers_from_to("1", "lasting_days + 1") }} as age_days

    from evidence

),

faded as (

    select
        actor_id,
        policy_code,
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
        actor_id,
        policy_code,
        severity_weight,
        risk_date,
        {{ whole_parts(
            "severity_weight * round("
            "1 - exp(-cast(sum(faded_billionths) as double) / 1e9), 6)", 6
        ) }} as weighted_millionths

    from faded

    group by actor_id, policy_code, severity_weight, risk_date

),

by_day as (

    select
        actor_id,
        risk_date,
        sum(weighted_millionths) as weighted_millionths,
        min_by(policy_code, (-weighted_millionths, policy_code)) filter (
            where weighted_millionths > 0
        ) as top_policy_code

    from by_policy

    group by actor_id, risk_date

),

probable as (

    select
        by_day.actor_id,
        by_day.risk_date,
        by_day.top_policy_code,
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
            partition by actor_id
            order by risk_date
        ) as tier_code_before,
        lag(score_band) over (
            partition by actor_id
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
        {{ surrogate_key(["actor_id", "risk_date"]) }}
            as user_risk_history_key,
        actor_id,
        risk_probability,
        tier_code,
        score_band,
        top_policy_code,
        risk_date as valid_from_date,
        coalesce(
            lead(risk_date) over (partition by actor_id order by risk_date),
            date '9999-12-31'
        ) as valid_to_date,
        model_version

    from changes

)

select * from final

{{ in_stored_order() }}

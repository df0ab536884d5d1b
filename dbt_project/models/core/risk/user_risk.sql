{{
    config(
        materialized="incremental",
        incremental_strategy="replace_touched",
        unique_key="actor_id",
        on_schema_change="fail",
        meta={
            "key": ["actor_id"],
            "touched": "int_risk__touched_actors",
            "sorted_by": ["actor_id"],
        },
    )
}}

-- depends_on: {{ ref("int_risk__touched_actors") }}

with

faded as (

    select * from {{ ref("int_risk__faded") }}

),

actors as (

    select
        actor_id,
        actor_type,
        cast(created_at as date) as created_date

    from {{ ref("dim_actors") }}

    where is_current

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

by_kind as (

    select
        actor_id,
        policy_code,
        signal_kind_code,
        policy_name,
        severity_weight,
        sum(faded_billionths) as faded_billionths,
        cast(sum(evidence_count) as bigint) as evidence_count,
        count(distinct occurred_date) as day_count,
        max(occurred_date) as last_date

    from faded

    group by
        actor_id, policy_code, signal_kind_code, policy_name, severity_weight

),

by_policy as (

    select
        actor_id,
        policy_code,
        severity_weight,
        round(1 - exp(-cast(sum(faded_billionths) as double) / 1e9), 6)
            as policy_score

    from by_kind

    group by actor_id, policy_code, severity_weight

),

scored as (

    select
        actor_id,
        sum({{ whole_parts("severity_weight * policy_score", 6) }})
            as weighted_millionths,
        {{ json_numbers_by_key("policy_code", "policy_score") }}
            as policy_scores

    from by_policy

    group by actor_id

),

kinds as (

    select * from {{ ref("signal_kinds") }}

),

ranked as (

    select
        by_kind.actor_id,
        kinds.plain_words || ' (' || by_kind.policy_name || '): '
        || by_kind.evidence_count || ' on ' || by_kind.day_count
        || case when by_kind.day_count = 1 then ' day' else ' days' end
        || ', last ' || by_kind.last_date as reason,
        row_number() over (
            partition by by_kind.actor_id
            order by
                by_kind.faded_billionths * by_kind.severity_weight desc,
                by_kind.policy_code asc,
                by_kind.signal_kind_code asc
        ) as reason_rank

    from by_kind

    inner join kinds on by_kind.signal_kind_code = kinds.signal_kind_code

),

reasons as (

    select
        actor_id,
        {{ json_texts("reason", "reason_rank") }} as top_reasons

    from ranked

    where reason_rank <= 3

    group by actor_id

),

totals as (

    select
        actor_id,
        cast(sum(signal_count) as bigint) as signal_count,
        count(distinct occurred_date) as evidence_days,
        max(as_of_at) as as_of_at,
        max(as_of_date) as as_of_date,
        min(first_evidence_date) as first_evidence_date

    from faded

    group by actor_id

),

odds as (

    select
        scored.actor_id,
        scored.policy_scores,
        model.model_version,
        round(
            model.intercept
            + model.gain * cast(scored.weighted_millionths as double) / 1e6,
            6
        ) as risk_log_odds

    from scored

    cross join model

),

probable as (

    select
        *,
        round(1 / (1 + exp(-risk_log_odds)), 6) as risk_probability

    from odds

),

final as (

    select
        probable.actor_id,
        coalesce(actors.actor_type, 'user') as actor_type,
        probable.risk_probability,
        probable.risk_log_odds,
        -- Where sign-up is not stated, the first evidence stands for it.
        round(
            1 - {{ var("risk_confidence_days") }} / cast(
                {{ var("risk_confidence_days") }} + {{
                    days_between(
                        "coalesce(least(actors.created_date, "
                        "totals.first_evidence_date), "
                        "totals.first_evidence_date)",
                        "totals.as_of_date",
                    )
                }} as double
            ),
            6
        ) as risk_confidence,
        tiers.tier_code,
        probable.policy_scores,
        reasons.top_reasons,
        totals.signal_count,
        totals.evidence_days,
        totals.as_of_at,
        probable.model_version

    from probable

    inner join tiers
        on
            probable.risk_probability >= tiers.probability_from
            and probable.risk_probability < tiers.probability_to

    inner join reasons on probable.actor_id = reasons.actor_id

    inner join totals on probable.actor_id = totals.actor_id

    left join actors on probable.actor_id = actors.actor_id

)

select * from final

{{ in_stored_order() }}

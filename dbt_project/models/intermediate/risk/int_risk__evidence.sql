{#- What a day's signals of one kind weigh. They saturate within a day, so that
    a thousand alike weigh little more than three; they fade by the half-life of
    their policy. -#}
with

signals as (

    select * from {{ ref("abuse_signals") }}

    where
        {{
            is_touched(
                ["actor_id"],
                ref("int_risk__touched_actors"),
                whole=builds_whole(["user_risk", "user_risk_history"]),
            )
        }}

),

policies as (

    select * from {{ ref("dim_policies") }}

    where is_current

),

weights as (

    select * from {{ ref("risk_weights") }}

),

kinds as (

    select * from {{ ref("signal_kinds") }}

),

by_day as (

    select
        actor_id,
        policy_code,
        signal_kind_code,
        occurred_date,
        count(*) as signal_count,
        cast(sum(evidence_count) as bigint) as evidence_count,
        -- Decimals add up the same in any order.
        sum(cast(score as decimal(18, 6))) as total_score,
        max(occurred_at) as occurred_at

    from signals

    group by actor_id, policy_code, signal_kind_code, occurred_date

),

weighed as (

    select
        by_day.*,
        coalesce(policies.policy_name, by_day.policy_code) as policy_name,
        -- A policy that nobody described weighs like a middling one.
        coalesce(policies.severity_weight, 1e0) as severity_weight,
        coalesce(kinds.half_life_days, policies.half_life_days, 30)
            as half_life_days,
        coalesce(kinds.is_circumstance, false) as is_circumstance,
        gain.parameter_value as gain,
        round(
            coalesce(weights.parameter_value, 0)
            * (1 - exp(-cast(by_day.total_score as double))),
            9
        ) as evidence

    from by_day

    left join policies on by_day.policy_code = policies.policy_code

    left join kinds on by_day.signal_kind_code = kinds.signal_kind_code

    left join weights on by_day.signal_kind_code = weights.parameter_code

    inner join weights as gain on gain.parameter_code = 'gain'

),

final as (

    select
        actor_id,

        policy_code,
        signal_kind_code,
        policy_name,

        signal_count,
        evidence_count,
        evidence,
        severity_weight,
        half_life_days,
        is_circumstance,
        -- Until it moves the log-odds by less than 0.02, and never longer than
        -- the lookback: what comes after is noise that would cost a row a day.
        cast(
            least(
                {{ var("risk_lookback_days") }},
                ceil(
                    half_life_days
                    * log2(evidence * severity_weight * gain / 0.02e0)
                )
            ) as integer
        ) as lasting_days,

        occurred_date,

        occurred_at

    from weighed

    where evidence * severity_weight * gain > 0.02e0

)

select * from final

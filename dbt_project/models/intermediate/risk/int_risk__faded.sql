with

evidence as (

    select
        *,
        max(occurred_date) filter (where not is_circumstance)
            over (partition by actor_id)
            as as_of_date,
        max(occurred_at) filter (where not is_circumstance)
            over (partition by actor_id)
            as as_of_at,
        min(occurred_date) over (partition by actor_id) as first_evidence_date

    from {{ ref("int_risk__evidence") }}

),

aged as (

    select
        *,
        {{ days_between("occurred_date", "as_of_date") }} as age_days

    from evidence

),

final as (

    select
        actor_id,

        policy_code,
        signal_kind_code,
        policy_name,

        signal_count,
        evidence_count,
        severity_weight,
        first_evidence_date,
        as_of_date,
        occurred_date,
        as_of_at,
        cast(
            {{ fade("evidence", "age_days", "half_life_days") }}
            as decimal(18, 9)
        ) as faded_evidence

    from aged

    where age_days between 0 and lasting_days

)

select * from final

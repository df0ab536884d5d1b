with

evidence as (

    select
        *,
        -- As a case: not every engine has a filter over a window.
        max(case when not is_circumstance then occurred_date end)
            over (partition by actor_id)
            as as_of_date,
        max(case when not is_circumstance then occurred_at end)
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
        {{ whole_parts(fade("evidence", "age_days", "half_life_days"), 9) }}
            as faded_billionths

    from aged

    where age_days between 0 and lasting_days

)

select * from final

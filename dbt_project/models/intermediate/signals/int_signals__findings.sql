{#- A shadow or canary finding must not raise anyone's risk: it is not trusted
    yet. Nor may what was done to the actor. -#}
{%- set whole = builds_whole("abuse_signals") -%}
{%- set touched = ref("int_signals__touched_actor_days") %}

with

findings as (

    select
        *,
        coalesce(last_event_at, found_at) as occurred_at

    from {{ ref("fct_findings") }}

    where mode_code = 'live' and subject_code = 'offender'

),

final as (

    select
        actor_id,
        cast(null as {{ text_type() }}) as item_id,
        finding_key as evidence_id,

        'finding' as signal_kind_code,
        product_code,
        policy_code,
        'finding' as evidence_type,

        round(least(greatest(score, 0), 1), 6) as score,
        1 as evidence_count,

        cast(occurred_at as date) as occurred_date,

        occurred_at

    from findings

    where
        {{
            is_touched(
                ["actor_id", "cast(occurred_at as date)"],
                touched,
                ["actor_id", "occurred_date"],
                whole=whole,
            )
        }}

)

select * from final

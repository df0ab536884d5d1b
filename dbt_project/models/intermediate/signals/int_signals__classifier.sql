{#- One item may be scored often in a day, by several models: the highest score
    speaks. -#}
{%- set whole = builds_whole("abuse_signals") -%}
{%- set touched = ref("int_signals__touched_actor_days") %}

with

scores as (

    select * from {{ ref("stg_model_scores") }}

    where
        score >= {{ var("classifier_score_floor") }}
        and {{
            is_touched(
                ["actor_id", "scored_date"],
                touched,
                ["actor_id", "occurred_date"],
                whole=whole,
            )
        }}

),

final as (

    select
        actor_id,
        item_id,
        min_by(record_key, (-score, scored_at, record_key)) as evidence_id,

        -- Whoever's agent was given such text to read did not write it.
        case
            when policy_code = 'prompt_injection' then 'injected_instructions'
            else 'classifier_score'
        end as signal_kind_code,
        min_by(product_code, (-score, scored_at, record_key)) as product_code,
        policy_code,
        'model_score' as evidence_type,

        round(max(score), 6) as score,
        count(*) as evidence_count,

        scored_date as occurred_date,

        max(scored_at) as occurred_at

    from scores

    group by actor_id, item_id, policy_code, scored_date

)

select * from final

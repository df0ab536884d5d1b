{{
    config(
        materialized="incremental",
        incremental_strategy="replace_touched",
        unique_key=["actor_id", "occurred_date"],
        on_schema_change="fail",
        meta={
            "key": ["signal_key"],
            "touched": "int_signals__touched_actor_days",
            "touched_day": "occurred_date",
            "day": "occurred_date",
            "sorted_by": ["occurred_date", "actor_id"],
        },
    )
}}

-- depends_on: {{ ref("int_signals__touched_actor_days") }}

with

signals as (

    {% for part in [
        "classifier", "reports", "addresses", "email_domains", "new_accounts", "activity",
        "accounts", "findings"
    ] %}

        select
            actor_id,
            item_id,
            evidence_id,
            signal_kind_code,
            product_code,
            policy_code,
            evidence_type,
            score,
            evidence_count,
            occurred_date,
            occurred_at

        from {{ ref("int_signals__" ~ part) }}

        {{ "union all" if not loop.last }}

    {% endfor %}

),

kinds as (

    select * from {{ ref("signal_kinds") }}

),

final as (

    select
        {{
            surrogate_key(
                [
                    "signals.signal_kind_code",
                    "signals.actor_id",
                    "signals.item_id",
                    "signals.product_code",
                    "signals.policy_code",
                    "signals.evidence_id",
                    "signals.occurred_date",
                ]
            )
        }} as signal_key,
        kinds.signal_source_code,
        signals.signal_kind_code,
        signals.actor_id,
        signals.item_id,
        signals.product_code,
        coalesce(signals.policy_code, kinds.policy_code) as policy_code,
        signals.score,
        signals.evidence_type,
        signals.evidence_id,
        signals.evidence_count,
        signals.occurred_date,
        signals.occurred_at

    from signals

    inner join kinds on signals.signal_kind_code = kinds.signal_kind_code

)

select * from final

{{ in_stored_order() }}

{{
    config(
        database=target.get("database"),
        materialized="incremental",
        incremental_strategy="replace_touched",
        unique_key=["actor_id", "activity_date"],
        on_schema_change="fail",
        meta={
            "key": [
                "actor_id",
                "attribute_type",
                "attribute_value",
                "activity_date",
            ],
            "touched": "int_activity__touched_actor_days",
            "touched_day": "activity_date",
            "day": "activity_date",
        },
    )
}}

{%- set touched = ref("int_activity__touched_actor_days") %}

with

events as (

    select * from {{ ref("fct_events") }}

    {% if is_incremental() %}

        where
            {{ near_touched_days("occurred_date", touched, "activity_date") }}
            and {{
                is_touched(
                    ["actor_id", "occurred_date"],
                    touched,
                    ["actor_id", "activity_date"],
                )
            }}

    {% endif %}

),

content as (

    select * from {{ ref("stg_content") }}

    {% if is_incremental() %}

        where
            {{ near_touched_days("created_at", touched, "activity_date") }}
            and {{
                is_touched(
                    ["actor_id", "created_date"],
                    touched,
                    ["actor_id", "activity_date"],
                )
            }}

    {% endif %}

),

-- Whoever fails to log in is not known to be the actor: the address of a
-- password guesser must not be laid on the accounts it tried.
own_events as (

    select * from events

    where not (event_type = 'login' and outcome_code <> 'success')

),

uses as (

    select
        actor_id,
        'ip' as attribute_type,
        ip_address as attribute_value,
        occurred_date as activity_date,
        occurred_at as used_at

    from own_events

    union all

    select
        actor_id,
        'device' as attribute_type,
        device_id as attribute_value,
        occurred_date as activity_date,
        occurred_at as used_at

    from own_events

    union all

    select
        actor_id,
        'payment_fingerprint' as attribute_type,
        payment_fingerprint as attribute_value,
        occurred_date as activity_date,
        occurred_at as used_at

    from own_events

    union all

    select
        actor_id,
        'prompt_template' as attribute_type,
        template_hash as attribute_value,
        created_date as activity_date,
        created_at as used_at

    from content

),

final as (

    select
        uses.actor_id,
        uses.attribute_type,
        uses.attribute_value,

        count(*) as event_count,

        uses.activity_date,

        min(uses.used_at) as first_seen_at,
        max(uses.used_at) as last_seen_at

    from uses

    where uses.attribute_value is not null

    group by
        uses.actor_id,
        uses.attribute_type,
        uses.attribute_value,
        uses.activity_date

)

select * from final

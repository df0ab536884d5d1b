{{
    config(
        materialized="incremental",
        incremental_strategy="replace_touched",
        unique_key="actor_id",
        on_schema_change="fail",
        meta={
            "key": ["actor_attribute_key"],
            "touched": "int_actors__touched_actors",
        },
    )
}}

-- depends_on: {{ ref("int_actors__touched_actors") }}

with

attribute_days as (

    select * from {{ ref("int_activity__attribute_days") }}

),

actors as (

    select * from {{ ref("stg_actors") }}

),

uses as (

    select
        actor_id,
        attribute_type,
        attribute_value,
        event_count,
        first_seen_at,
        last_seen_at

    from attribute_days

    union all

    select
        actor_id,
        'email_domain' as attribute_type,
        email_domain as attribute_value,
        1 as event_count,
        updated_at as first_seen_at,
        updated_at as last_seen_at

    from actors

    where email_domain is not null

),

merged as (

    select
        uses.actor_id,
        uses.attribute_type,
        uses.attribute_value,
        cast(sum(uses.event_count) as bigint) as event_count,
        min(uses.first_seen_at) as first_seen_at,
        max(uses.last_seen_at) as last_seen_at

    from uses

    {% if is_incremental() %}

        where
            {{
                is_touched(
                    ["uses.actor_id"],
                    ref("int_actors__touched_actors"),
                    ["actor_id"],
                )
            }}

    {% endif %}

    group by uses.actor_id, uses.attribute_type, uses.attribute_value

),

final as (

    select
        {{
            surrogate_key(["actor_id", "attribute_type", "attribute_value"])
        }} as actor_attribute_key,
        actor_id,
        attribute_type,
        attribute_value,
        event_count,
        first_seen_at,
        last_seen_at

    from merged

)

select * from final

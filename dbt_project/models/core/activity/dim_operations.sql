{{
    config(
        materialized="incremental",
        incremental_strategy="replace_changed",
        unique_key="operation_key",
        on_schema_change="fail",
    )
}}

with

members as (

    select * from {{ ref("int_activity__operation_members") }}

),

shared as (

    select * from {{ ref("int_activity__shared_attributes") }}

),

-- What two or more of its members share.
values_shared as (

    select
        members.operation_id,
        shared.attribute_type,
        shared.attribute_value,
        min(shared.first_seen_at) as first_seen_at,
        max(shared.last_seen_at) as last_seen_at

    from members

    inner join shared on members.actor_id = shared.actor_id

    group by
        members.operation_id, shared.attribute_type, shared.attribute_value

    having count(*) >= 2

),

attributes as (

    select
        operation_id,
        attribute_type,
        count(*) as attribute_count,
        min(first_seen_at) as first_seen_at,
        max(last_seen_at) as last_seen_at

    from values_shared

    group by operation_id, attribute_type

),

evidence as (

    select
        operation_id,
        cast(sum(attribute_count) as bigint) as attribute_count,
        {{ json_numbers_by_key("attribute_type", "attribute_count") }}
            as evidence,
        min(first_seen_at) as first_seen_at,
        max(last_seen_at) as last_seen_at

    from attributes

    group by operation_id

),

sizes as (

    select
        operation_id,
        count(*) as actor_count

    from members

    group by operation_id

),

final as (

    select
        {{ surrogate_key(["evidence.operation_id"]) }} as operation_key,
        evidence.operation_id,
        sizes.actor_count,
        evidence.attribute_count,
        evidence.evidence,
        evidence.first_seen_at,
        evidence.last_seen_at

    from evidence

    inner join sizes on evidence.operation_id = sizes.operation_id

)

select * from final

{{
    config(
        materialized="incremental",
        incremental_strategy="replace_changed",
        unique_key="operation_actor_key",
        on_schema_change="fail",
    )
}}

with

members as (

    select * from {{ ref("int_activity__operation_members") }}

),

final as (

    select
        {{ surrogate_key(["operation_id", "actor_id"]) }}
            as operation_actor_key,
        operation_id,
        actor_id

    from members

)

select * from final

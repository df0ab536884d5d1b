{{
    config(
        database=target.get("database"),
        materialized="incremental",
        incremental_strategy="delete+insert",
        unique_key="actor_id",
        on_schema_change="fail",
    )
}}

{#- Grows only, and a minimum of minima is the minimum of all: any order of
    arrival ends in the same rows. -#}
with

arrived as (

    select * from {{ ref("int_actors__arrived") }}

),

final as (

    select
        arrived.actor_id,
        {{ "least(arrived.actor_type, known.actor_type)" if is_incremental()
            else "arrived.actor_type" }} as actor_type

    from arrived

    {% if is_incremental() %}

        left join {{ this }} as known on arrived.actor_id = known.actor_id

        -- Most actors of a day are known: rewriting them would cost the table.
        where
            known.actor_id is null
            or least(arrived.actor_type, known.actor_type)
            is distinct from known.actor_type

    {% endif %}

)

select * from final

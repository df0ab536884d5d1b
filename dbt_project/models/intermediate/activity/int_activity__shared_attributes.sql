{#- Rarity stands for meaning: an address that two actors share links them, one
    that a whole country shares does not. -#}
with

attributes as (

    select * from {{ ref("bridge_actor_attributes") }}

),

sharing as (

    select
        attribute_type,
        attribute_value,
        count(*) as actor_count

    from attributes

    group by attribute_type, attribute_value

    having
        count(*) between
        2 and {{ var("operation_attribute_maximum_actors") }}

),

final as (

    select
        attributes.actor_id,
        attributes.attribute_type,
        attributes.attribute_value,

        attributes.first_seen_at,
        attributes.last_seen_at

    from attributes

    inner join sharing
        on
            attributes.attribute_type = sharing.attribute_type
            and attributes.attribute_value = sharing.attribute_value

)

select * from final

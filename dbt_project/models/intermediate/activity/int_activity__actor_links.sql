{#- One shared address is a café, two are a pattern. Actors that belong together
    by their own statement (a key and its owner, users of an organisation) share
    everything and are no operation. -#}
with

shared as (

    select * from {{ ref("int_activity__shared_attributes") }}

),

weights as (

    select * from {{ ref("link_weights") }}

),

actors as (

    select
        actor_id,
        coalesce(parent_actor_id, actor_id) as family_id

    from {{ ref("dim_actors") }}

    where is_current

),

pairs as (

    select
        earlier.actor_id,
        later.actor_id as linked_actor_id,
        sum(cast(weights.link_weight as decimal(9, 4))) as link_weight

    from shared as earlier

    inner join shared as later
        on
            earlier.attribute_type = later.attribute_type
            and earlier.attribute_value = later.attribute_value
            and earlier.actor_id < later.actor_id

    inner join weights on earlier.attribute_type = weights.attribute_type

    group by earlier.actor_id, later.actor_id

),

final as (

    select
        pairs.actor_id,
        pairs.linked_actor_id,

        pairs.link_weight

    from pairs

    left join actors as one on pairs.actor_id = one.actor_id

    left join actors as other on pairs.linked_actor_id = other.actor_id

    where
        pairs.link_weight >= 1
        and coalesce(one.family_id, pairs.actor_id)
        <> coalesce(other.family_id, pairs.linked_actor_id)

)

select * from final

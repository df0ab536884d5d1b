-- The linter does not know recursion by key.
with recursive  -- noqa: PRS

shared as (

    select * from {{ ref("int_activity__shared_attributes") }}

),

-- Actors and attributes are the nodes: a clique of n actors then costs n edges.
edges as (

    select distinct
        'actor ' || actor_id as node,
        'attribute ' || attribute_type || ' ' || attribute_value as neighbour

    from shared

    union

    select distinct
        'attribute ' || attribute_type || ' ' || attribute_value as node,
        'actor ' || actor_id as neighbour

    from shared

),

{{ connected_components("edges") }},

members as (

    select
        components.component,
        shared.actor_id,
        min(shared.first_seen_at) as first_seen_at

    from shared

    inner join components on 'actor ' || shared.actor_id = components.node

    group by components.component, shared.actor_id

),

final as (

    select
        -- The earliest member names the operation: it stays when others join.
        'op_' || left(md5(first_value(actor_id) over (
            partition by component
            order by first_seen_at, actor_id
        )), 16) as operation_id,
        actor_id

    from members

)

select * from final

-- The linter does not know recursion by key.
{{ with_recursion() }}  -- noqa: PRS

shared as (

    select * from {{ ref("int_activity__shared_attributes") }}

),

{{ connected_components(
    ref("int_activity__actor_links"), "actor_id", "linked_actor_id"
) }},

members as (

    select
        components.component,
        shared.actor_id,
        min(shared.first_seen_at) as first_seen_at

    from shared

    inner join components on shared.actor_id = components.node

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

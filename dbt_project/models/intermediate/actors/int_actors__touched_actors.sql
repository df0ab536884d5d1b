with

actors as (

    select * from {{ ref("base_actors") }}

    where {{ in_interval() }}

),

actor_days as (

    select * from {{ ref("int_activity__touched_actor_days") }}

),

final as (

    select actor_id from actors

    union

    select actor_id from actor_days

)

select * from final

where not {{ builds_whole("bridge_actor_attributes") }}

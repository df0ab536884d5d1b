with

touched as (

    select * from {{ ref("int_signals__touched_actor_days") }}

),

final as (

    select distinct actor_id from touched

)

select * from final

where not {{ builds_whole(["user_risk", "user_risk_history"]) }}

{{
    config(
        materialized="incremental",
        incremental_strategy="delete+insert",
        unique_key="action_id",
        on_schema_change="fail",
    )
}}

{#- A late or corrected state, and an appeal, touch their action; a touched
    action is rebuilt from all its states and appeals. Actions never vanish. -#}
with

states as (

    select * from {{ ref("stg_enforcement_actions") }}

),

appeal_states as (

    select * from {{ ref("stg_appeals") }}

),

arrived_appeals as (

    select distinct appeal_id

    from {{ ref("base_appeals") }}

    where {{ in_interval() if is_incremental() else "1 = 1" }}

),

touched as (

    select action_id

    from {{ ref("base_enforcement_actions") }}

    where {{ in_interval() if is_incremental() else "1 = 1" }}

    union

    -- All that was ever said of an appeal: a correction that lays it on another
    -- action takes it from the first.
    select said.action_id

    from {{ ref("base_appeals") }} as said

    inner join arrived_appeals on said.appeal_id = arrived_appeals.appeal_id

),

touched_states as (

    select states.*

    from states

    inner join touched on states.action_id = touched.action_id

),

ranked_states as (

    select
        *,
        row_number() over (
            partition by action_id
            order by updated_at desc, version_at desc, row_hash desc
        ) as state_rank

    from touched_states

),

newest_state as (

    select * from ranked_states

    where state_rank = 1

),

reversals as (

    select
        action_id,
        min(updated_at) as reversed_at

    from touched_states

    where state_code = 'reversed'

    group by action_id

),

ranked_appeal_states as (

    select
        *,
        row_number() over (
            partition by appeal_id
            order by updated_at desc, version_at desc, row_hash desc
        ) as state_rank

    from appeal_states

),

ranked_appeals as (

    select
        *,
        row_number() over (
            partition by action_id
            order by
                submitted_at desc,
                updated_at desc,
                version_at desc,
                row_hash desc
        ) as appeal_rank

    from ranked_appeal_states

    where
        state_rank = 1
        and action_id in (select touched.action_id from touched)

),

newest_appeal as (

    select * from ranked_appeals

    where appeal_rank = 1

),

joined as (

    select
        newest_state.*,
        newest_appeal.appeal_id,
        newest_appeal.outcome_code as appeal_outcome_code,
        newest_appeal.submitted_at as appealed_at,
        newest_appeal.decided_at as appeal_decided_at,
        reversals.reversed_at

    from newest_state

    left join reversals on newest_state.action_id = reversals.action_id

    left join newest_appeal
        on newest_state.action_id = newest_appeal.action_id

),

final as (

    select
        action_id,
        actor_id,
        product_code,
        policy_code,
        action_code,
        case
            when state_code <> 'active' then state_code
            -- Not begun when last heard of; no clock is asked.
            when updated_at < valid_from_at then 'scheduled'
            else 'active'
        end as state_code,
        valid_from_at,
        least(
            coalesce(valid_to_at, timestamp '9999-12-31'),
            -- A reversal ends an action, but never before it began.
            case
                when reversed_at is null then timestamp '9999-12-31'
                else greatest(reversed_at, valid_from_at)
            end
        ) as valid_to_at,
        decided_at,
        decision_source_code,
        detection_id,
        reason,
        appeal_id,
        appeal_outcome_code,
        appealed_at,
        appeal_decided_at,
        reversed_at,
        reversed_at is not null
        or coalesce(appeal_outcome_code = 'overturned', false)
            as is_overturned

    from joined

)

select * from final

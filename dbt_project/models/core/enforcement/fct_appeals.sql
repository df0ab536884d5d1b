{{
    config(
        materialized="incremental",
        incremental_strategy="delete+insert",
        unique_key="appeal_id",
        on_schema_change="fail",
    )
}}

{#- An action that arrives after its appeal touches the appeal, which takes its
    actor from it. -#}
with

appeals as (

    select * from {{ ref("stg_appeals") }}

),

actions as (

    select * from {{ ref("enforcement_history") }}

),

touched as (

    select appeal_id

    from {{ ref("base_appeals") }}

    where {{ in_interval() if is_incremental() else "1 = 1" }}

    union

    select appeals.appeal_id

    from appeals

    inner join {{ ref("base_enforcement_actions") }} as states
        on appeals.action_id = states.action_id

    where
        {{ in_interval("states.ingested_at") if is_incremental() else "1 = 1" }}

),

ranked_states as (

    select
        appeals.*,
        row_number() over (
            partition by appeals.appeal_id
            order by
                appeals.updated_at desc,
                appeals.version_at desc,
                appeals.row_hash desc
        ) as state_rank

    from appeals

    inner join touched on appeals.appeal_id = touched.appeal_id

),

newest_state as (

    select * from ranked_states

    where state_rank = 1

),

final as (

    select
        newest_state.appeal_id,
        newest_state.action_id,
        actions.actor_id,
        newest_state.submitted_at,
        newest_state.decided_at,
        newest_state.outcome_code,
        round(
            {{
                seconds_between(
                    "newest_state.submitted_at", "newest_state.decided_at"
                )
            }} / 86400,
            6
        ) as days_to_decision

    from newest_state

    left join actions on newest_state.action_id = actions.action_id

)

select * from final

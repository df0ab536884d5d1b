{{
    config(
        materialized="incremental",
        incremental_strategy="delete+insert",
        unique_key="actor_id",
        meta={"key": ["actor_version_key"], "sorted_by": ["actor_id"]},
        on_schema_change="fail",
    )
}}

{#- Versions of an actor only ever grow in number, and an inferred row gives way
    to stated ones under the same actor_id, so delete+insert by actor leaves
    nothing behind. -#}
with

stated as (

    select * from {{ ref("stg_actors") }}

),

seen as (

    select * from {{ ref("int_actors__seen") }}

),

touched as (

    select actor_id

    from {{ ref("base_actors") }}

    where {{ in_interval() if is_incremental() else "1 = 1" }}

    union

    select actor_id from {{ ref("int_actors__arrived") }}

),

touched_stated as (

    select stated.*

    from stated

    {% if is_incremental() %}

        inner join touched on stated.actor_id = touched.actor_id

    {% endif %}

),

-- Of two versions of one instant the greater hash counts, so that order of
-- arrival cannot.
ranked as (

    select
        *,
        {{ version_rank(["actor_id", "updated_at"]) }} as version_rank

    from touched_stated

),

dated as (

    select * from ranked

    where version_rank = 1

),

versions as (

    select
        actor_id,
        actor_type,
        parent_actor_id,
        plan_code,
        country_code,
        email_domain,
        status_code,
        is_protected,
        false as is_inferred,
        created_at,

        -- The first version holds from sign-up on.
        case
            when
                row_number() over (partition by actor_id order by updated_at)
                = 1
                then least(updated_at, created_at)
            else updated_at
        end as valid_from_at,
        lead(updated_at) over (partition by actor_id order by updated_at)
            as valid_to_at

    from dated

),

inferred as (

    select
        seen.actor_id,
        coalesce(seen.actor_type, 'user') as actor_type

    from seen

    inner join touched on seen.actor_id = touched.actor_id

    left join stated on seen.actor_id = stated.actor_id

    {% if is_incremental() %}

        -- Most actors of a day are known: rewriting them would cost the table.
        left join {{ this }} as known
            on
                seen.actor_id = known.actor_id
                and coalesce(seen.actor_type, 'user') = known.actor_type

        where stated.actor_id is null and known.actor_id is null

    {% else %}

        where stated.actor_id is null

    {% endif %}

),

all_versions as (

    select
        actor_id,
        actor_type,
        parent_actor_id,
        plan_code,
        country_code,
        email_domain,
        status_code,
        is_protected,
        is_inferred,
        created_at,
        valid_from_at,
        coalesce(valid_to_at, timestamp '9999-12-31') as valid_to_at,
        valid_to_at is null as is_current

    from versions

    union all

    select
        actor_id,
        actor_type,
        null as parent_actor_id,
        null as plan_code,
        null as country_code,
        null as email_domain,
        'active' as status_code,
        false as is_protected,
        true as is_inferred,
        null as created_at,
        timestamp '1970-01-01' as valid_from_at,
        timestamp '9999-12-31' as valid_to_at,
        true as is_current

    from inferred

),

final as (

    select
        {{ surrogate_key(["actor_id", "valid_from_at"]) }}
            as actor_version_key,
        actor_id,
        actor_type,
        parent_actor_id,
        plan_code,
        country_code,
        email_domain,
        status_code,
        is_protected,
        is_inferred,
        created_at,
        valid_from_at,
        valid_to_at,
        is_current

    from all_versions

)

select * from final

{{ in_stored_order() }}

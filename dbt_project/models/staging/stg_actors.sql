with

versions as (

    select * from {{ ref("base_actors") }}

),

ranked as (

    select
        *,
        {{ version_rank() }} as version_rank

    from versions

),

final as (

    select
        record_key,
        actor_id,
        parent_actor_id,
        source_id,

        actor_type,
        plan_code,
        country_code,
        status_code,
        email_domain,
        row_hash,

        is_protected,

        created_at,
        updated_at,
        version_at,
        ingested_at

    from ranked

    where version_rank = 1

)

select * from final

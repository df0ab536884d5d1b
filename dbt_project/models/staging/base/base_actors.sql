with

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
        lower(nullif(split_part(email, '@', 2), '')) as email_domain,
        row_hash,

        coalesce(is_protected, false) as is_protected,

        created_at,
        updated_at,
        version_at,
        ingested_at

    from {{ source("raw", "actors") }}

)

select * from final

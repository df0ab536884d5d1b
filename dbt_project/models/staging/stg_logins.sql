with

versions as (

    select * from {{ ref("base_logins") }}

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
        login_id,
        actor_id,
        device_id,
        source_id,

        actor_type,
        product_code,
        outcome_code,
        method_code,
        ip_address,
        user_agent,
        country_code,
        row_hash,

        occurred_date,

        occurred_at,
        version_at,
        ingested_at

    from ranked

    where version_rank = 1

)

select * from final

with

final as (

    select
        record_key,
        login_id,
        actor_id,
        device_id,
        source_id,
        file_id,

        actor_type,
        product_code,
        outcome_code,
        method_code,
        lower(ip_address) as ip_address,
        user_agent,
        country_code,
        row_hash,

        row_number,

        cast(occurred_at as date) as occurred_date,

        occurred_at,
        version_at,
        ingested_at

    from {{ source("raw", "logins") }}

)

select * from final

with

final as (

    select
        record_key,
        payment_id,
        actor_id,
        device_id,
        source_id,
        file_id,

        product_code,
        outcome_code,
        currency_code,
        payment_fingerprint,
        lower(ip_address) as ip_address,
        row_hash,

        amount,
        row_number,

        cast(occurred_at as date) as occurred_date,

        occurred_at,
        version_at,
        ingested_at

    from {{ source("raw", "payments") }}

)

select * from final

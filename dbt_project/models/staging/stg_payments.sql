with

versions as (

    select * from {{ ref("base_payments") }}

),

final as (

    select
        record_key,
        payment_id,
        actor_id,
        device_id,
        source_id,

        product_code,
        outcome_code,
        currency_code,
        payment_fingerprint,
        ip_address,
        row_hash,

        amount,

        occurred_date,

        occurred_at,
        version_at,
        ingested_at

    from versions

    qualify {{ is_newest_version() }}

)

select * from final

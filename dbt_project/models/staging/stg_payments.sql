with

versions as (

    select * from {{ ref("base_payments") }}

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

    from ranked

    where version_rank = 1

)

select * from final

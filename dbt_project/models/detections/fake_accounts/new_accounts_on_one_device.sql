with

{{ new_accounts_on_one("device_id") }},

final as (

    select
        actor_id,
        actor_type,
        product_code,
        {{ finding_key(["actor_id", "shared_value"]) }} as dedup_key,
        -- Five accounts give 0.39, ten 0.63.
        cast(round(1 - exp(-account_count / 10e0), 6) as double) as score,
        cast(account_count as bigint) as event_count,
        first_event_at,
        last_event_at,
        {{ evidence({
            "new_accounts_within_3_days": "account_count",
            "minutes_from_first_to_last": "cast(" ~ seconds_between(
                "first_event_at", "last_event_at"
            ) ~ " / 60 as bigint)",
        }) }} as evidence

    from members

)

select * from final

with

answers as (

    select
        actor_id,
        actor_type,
        product_code,
        output_tokens,
        input_tokens,
        occurred_at,
        occurred_date

    from {{ ref("fct_events") }}

    where
        event_type = 'request'
        and outcome_code = 'ok'
        and output_tokens > 0
        and {{ in_window("occurred_at") }}

),

-- People's questions get answers of all lengths, in some hours of the day; who
-- copies a model asks for long ones, evenly, hour after hour.
actor_days as (

    select
        actor_id,
        actor_type,
        product_code,
        occurred_date,
        count(*) as answer_count,
        count(distinct extract(hour from occurred_at)) as hour_count,
        avg(output_tokens) as mean_tokens,
        stddev_pop(output_tokens) / avg(output_tokens) as spread,
        min(occurred_at) as first_event_at,
        max(occurred_at) as last_event_at

    from answers

    group by
        actor_id,
        actor_type,
        product_code,
        occurred_date

),

final as (

    select
        actor_id,
        actor_type,
        product_code,
        {{ finding_key(["actor_id", "product_code", "occurred_date"]) }}
            as dedup_key,
        -- Grows with volume and evenness: 100 answers with a spread of 0.3 give
        -- 0.37, 300 give 0.75.
        cast(
            round(1 - exp(-answer_count * (1 - spread) / 150e0), 6) as double
        ) as score,
        cast(answer_count as bigint) as event_count,
        first_event_at,
        last_event_at,
        {{ evidence({
            "answers_that_day": "answer_count",
            "different_hours": "hour_count",
            "mean_output_tokens": "round(mean_tokens, 1)",
            "spread_of_output_tokens": "round(spread, 3)",
        }) }} as evidence

    from actor_days

    where
        answer_count >= {{ threshold("min_answers") }}
        and hour_count >= {{ threshold("min_hours") }}
        and mean_tokens >= {{ threshold("min_mean_tokens") }}
        and spread <= {{ threshold("max_spread") }}

)

select * from final

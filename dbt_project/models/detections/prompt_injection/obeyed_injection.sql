with

tool_calls as (

    select
        actor_id,
        actor_type,
        product_code,
        content_id,
        occurred_at,
        {{ is_acting_tool("resource") }} as is_acting

    from {{ ref("fct_events") }}

    where
        event_type = 'tool_call'
        and resource is not null
        and outcome_code = 'ok'
        and {{ in_window("occurred_at") }}

),

injections as (

    select
        actor_id,
        item_id,
        max(score) as score

    from {{ ref("abuse_signals") }}

    where
        signal_kind_code = 'injected_instructions'
        and policy_code = 'prompt_injection'
        and {{ in_window("occurred_at") }}

    group by
        actor_id,
        item_id

),

-- What an agent was given to read, and what it did right after.
pairs as (

    select
        results.actor_id,
        results.actor_type,
        results.product_code,
        results.content_id,
        injections.score,
        results.occurred_at as read_at,
        acts.occurred_at as acted_at

    from tool_calls as results

    inner join injections
        on
            results.actor_id = injections.actor_id
            and results.content_id = injections.item_id

    inner join tool_calls as acts
        on
            results.actor_id = acts.actor_id
            and results.product_code = acts.product_code
            and results.occurred_at < acts.occurred_at

    where
        acts.is_acting
        and {{ seconds_between("results.occurred_at", "acts.occurred_at") }}
        <= {{ threshold("max_seconds", "results.product_code") }}
        and injections.score
        >= {{ threshold("min_score", "results.product_code") }}

),

actor_days as (

    select
        actor_id,
        actor_type,
        product_code,
        cast(acted_at as date) as acted_date,
        count(distinct content_id) as obeyed_count,
        count(distinct acted_at) as act_count,
        max(score) as highest_score,
        min({{ seconds_between("read_at", "acted_at") }}) as least_seconds,
        min(read_at) as first_event_at,
        max(acted_at) as last_event_at

    from pairs

    group by
        actor_id,
        actor_type,
        product_code,
        cast(acted_at as date)

),

final as (

    select
        actor_id,
        actor_type,
        product_code,
        {{ finding_key(["actor_id", "product_code", "acted_date"]) }}
            as dedup_key,
        -- One obeyed instruction gives 0.39, three 0.78.
        cast(round(1 - exp(-obeyed_count / 2e0), 6) as double) as score,
        cast(obeyed_count + act_count as bigint) as event_count,
        first_event_at,
        last_event_at,
        {{ evidence({
            "results_with_an_instruction": "obeyed_count",
            "acts_within_the_minute": "act_count",
            "highest_score": "round(highest_score, 3)",
            "least_seconds_between": "round(least_seconds, 1)",
        }) }} as evidence

    from actor_days

    where obeyed_count >= {{ threshold("min_obeyed") }}

)

select * from final

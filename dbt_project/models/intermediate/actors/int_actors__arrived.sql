{#- Any version counts, so that a correction never makes an actor unseen. -#}
{%- set whole = builds_whole("int_actors__seen") -%}

with

mentions as (

    {% for input in ["events", "logins"] %}

        select
            actor_id,
            actor_type

        from {{ ref("base_" ~ input) }}

        where {{ "1 = 1" if whole else in_interval() }}

        union all

    {% endfor %}

    {% for input, column in [
        ("payments", "actor_id"),
        ("model_scores", "actor_id"),
        ("content", "actor_id"),
        ("user_reports", "reporter_actor_id"),
        ("user_reports", "reported_actor_id"),
        ("review_labels", "actor_id"),
        ("enforcement_actions", "actor_id"),
    ] %}

        select
            {{ column }} as actor_id,
            null as actor_type

        from {{ ref("base_" ~ input) }}

        where {{ "1 = 1" if whole else in_interval() }}

        {{ "union all" if not loop.last }}

    {% endfor %}

),

final as (

    select
        actor_id,
        min(actor_type) as actor_type

    from mentions

    group by actor_id

)

select * from final

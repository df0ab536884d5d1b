{#
  What every detection is written with. The window's bounds are given by the
  executor; without them (unit tests) all time is looked at.
#}

{% macro in_window(column) %}
{{ column }} >= cast('{{ var("window_start", "1970-01-01 00:00:00") }}' as timestamp)
and {{ column }} < cast('{{ var("window_end", "2200-01-01 00:00:00") }}' as timestamp)
{%- endmacro %}

{#
  A number that the detection's YAML states under `thresholds`: the default where no product has one
  of its own, else a `case` on the product. Stated there, it can be read, checked and stamped on
  findings without reading SQL.
#}
{% macro threshold(name, product="product_code") -%}
    {#- A unit test sees the model it tests while it is parsed, and is compiled without it: what the
        model states is kept on the test's own node. -#}
    {%- set tested = model.get("tested_node_unique_id") -%}
    {%- if not execute -%}
        {%- if tested -%}
            {%- do config.model.config.meta.update(graph.nodes[tested].config.meta) -%}
        {%- endif -%}
        {{ return("0") }}
    {%- endif -%}
    {%- set meta = config.model.config.meta.get("detection", {}) -%}
    {%- set stated = meta.get("thresholds", {}) -%}
    {%- if name not in stated.get("default", {}) -%}
        {{ exceptions.raise_compiler_error(
            model["name"] ~ " states no threshold " ~ name ~ ": add it under "
            ~ "config.meta.detection.thresholds.default of its YAML."
        ) }}
    {%- endif -%}
    {%- set products = [] -%}
    {%- for code in stated | sort if code != "default" and name in stated[code] -%}
        {%- do products.append(code) -%}
    {%- endfor -%}
    {%- if not products -%}
        {{ return(stated["default"][name] | string) }}
    {%- endif -%}
    (case {{ product }}
    {%- for code in products %}
        when '{{ code }}' then {{ stated[code][name] }}
    {%- endfor %}
        else {{ stated["default"][name] }}
    end)
{%- endmacro %}

{# One text that is equal for equal findings: dedup_key of the contract. #}
{% macro finding_key(columns) %}
{%- set parts = [] -%}
{%- for column in columns -%}
    {%- do parts.append("coalesce(cast(" ~ column ~ " as " ~ text_type() ~ "), '')") -%}
{%- endfor -%}
md5({{ parts | join(" || '|' || ") }})
{%- endmacro %}

{# Facts behind a finding as a JSON object. Numbers only: no content, no identifiers. #}
{% macro evidence(facts) %}
{%- set parts = [] -%}
{%- for name, expression in facts.items() -%}
    {%- do parts.append(
        "'\"" ~ name ~ "\": ' || cast(" ~ expression ~ " as " ~ text_type() ~ ")"
    ) -%}
{%- endfor -%}
'{' || {{ parts | join(" || ', ' || ") }} || '}'
{%- endmacro %}

{# A picture, style, script or font that a browser fetches with a page. #}
{% macro is_page_asset(column) %}
{%- set path = "lower(split_part(" ~ column ~ ", '?', 1))" -%}
{%- set endings = [
    "css", "js", "png", "jpg", "jpeg", "gif", "ico", "svg", "webp", "woff",
    "woff2", "ttf", "map"
] -%}
(
{%- for ending in endings %}
    {{ "or " if not loop.first }}{{ path }} like '%.{{ ending }}'
{%- endfor %}
)
{%- endmacro %}

{# The network an address lies in: the /24 of IPv4, the /48 of IPv6. One subscriber, office or pool
   moves within it. #}
{% macro network_of(address) -%}
case
    when {{ address }} like '%:%'
        then
            split_part({{ address }}, ':', 1) || ':'
            || split_part({{ address }}, ':', 2) || ':'
            || split_part({{ address }}, ':', 3)
    else
        split_part({{ address }}, '.', 1) || '.'
        || split_part({{ address }}, '.', 2) || '.'
        || split_part({{ address }}, '.', 3)
end
{%- endmacro %}

{# A tool by which an agent acts on the world outside the conversation: it sends or it executes. #}
{% macro is_acting_tool(column) %}
{%- set words = ["mail", "send", "post", "shell", "bash", "exec", "terminal", "pay"] -%}
(
{%- for word in words %}
    {{ "or " if not loop.first }}lower({{ column }}) like '%{{ word }}%'
{%- endfor %}
)
{%- endmacro %}

{#
  CTEs of a detection that looks for new accounts in series on one thing (`value`: a column of
  fct_events). They end in `members`: one row per new account and value, on the first day on which
  enough accounts were together.

  An account joins a value when it first uses it, within three days of its sign-up. Together are
  those who joined within three days. Members of an organisation are vouched for by it.
#}
{% macro new_accounts_on_one(value, also="") %}
accounts as (

    select
        actor_id,
        min(created_at) as created_at

    from {{ ref("dim_actors") }}

    where actor_type = 'user' and not is_inferred

    group by actor_id

    having max(parent_actor_id) is null

),

uses as (

    select
        events.actor_id,
        events.actor_type,
        events.product_code,
        events.{{ value }} as shared_value,
        events.occurred_at,
        events.occurred_date,
        row_number() over (
            partition by events.actor_id, events.{{ value }}
            order by events.occurred_at, events.event_key
        ) as use_number

    from {{ ref("fct_events") }} as events

    inner join accounts on events.actor_id = accounts.actor_id

    where
        events.{{ value }} is not null
        and {{ in_window("events.occurred_at") }}
        -- Nobody is new before signing up, but clocks differ by minutes.
        and cast(accounts.created_at as date)
        between {{ add_days("events.occurred_date", -2) }}
        and {{ add_days("events.occurred_date", 1) }}
        {{ also }}

),

joins as (

    select * from uses where use_number = 1

),

joining_days as (

    select distinct
        shared_value,
        occurred_date

    from joins

),

gatherings as (

    select
        joining_days.shared_value,
        joining_days.occurred_date,
        count(*) as account_count,
        min(joins.occurred_at) as first_event_at,
        max(joins.occurred_at) as last_event_at

    from joining_days

    inner join joins
        on
            joining_days.shared_value = joins.shared_value
            and joins.occurred_date
            between {{ add_days("joining_days.occurred_date", -2) }}
            and joining_days.occurred_date

    group by
        joining_days.shared_value,
        joining_days.occurred_date

),

member_days as (

    select
        joins.actor_id,
        joins.actor_type,
        joins.product_code,
        joins.shared_value,
        gatherings.account_count,
        gatherings.first_event_at,
        gatherings.last_event_at,
        row_number() over (
            partition by joins.actor_id, joins.shared_value
            order by gatherings.occurred_date
        ) as day_number

    from joins

    inner join gatherings
        on
            joins.shared_value = gatherings.shared_value
            and joins.occurred_date
            between {{ add_days("gatherings.occurred_date", -2) }}
            and gatherings.occurred_date

    where
        gatherings.account_count
        >= {{ threshold("min_accounts", "joins.product_code") }}

),

members as (

    select * from member_days where day_number = 1

)
{%- endmacro %}

{#
  CTEs that see an actor's items together: of a CTE `items` (actor_id, item_id, product_code, score,
  occurred_at, occurred_date; all scored as violating) they make `together`, one row per actor,
  product and day with an item, about the `days` days that end with it. `event_count` is all that the
  actor did in them: a platform that passes on the prompts of thousands has some of everything.
#}
{% macro items_together(days) %}
activity as (

    select
        actor_id,
        actor_type,
        product_code,
        event_count,
        activity_date

    from {{ ref("fct_actor_daily") }}

    where {{ in_window("activity_date") }}

),

item_days as (

    select distinct
        actor_id,
        product_code,
        occurred_date

    from items

),

item_totals as (

    select
        item_days.actor_id,
        item_days.product_code,
        item_days.occurred_date,
        count(distinct items.item_id) as item_count,
        max(items.score) as highest_score,
        min(items.occurred_at) as first_event_at,
        max(items.occurred_at) as last_event_at

    from item_days

    inner join items
        on
            item_days.actor_id = items.actor_id
            and item_days.product_code = items.product_code
            and items.occurred_date
            between {{ add_days("item_days.occurred_date", 1 - days) }}
            and item_days.occurred_date

    group by
        item_days.actor_id,
        item_days.product_code,
        item_days.occurred_date

),

activity_totals as (

    select
        item_days.actor_id,
        item_days.product_code,
        item_days.occurred_date,
        max(activity.actor_type) as actor_type,
        sum(activity.event_count) as event_count

    from item_days

    inner join activity
        on
            item_days.actor_id = activity.actor_id
            and item_days.product_code = activity.product_code
            and activity.activity_date
            between {{ add_days("item_days.occurred_date", 1 - days) }}
            and item_days.occurred_date

    group by
        item_days.actor_id,
        item_days.product_code,
        item_days.occurred_date

),

together as (

    select
        item_totals.actor_id,
        coalesce(activity_totals.actor_type, 'user') as actor_type,
        item_totals.product_code,
        item_totals.occurred_date,
        item_totals.item_count,
        item_totals.highest_score,
        coalesce(activity_totals.event_count, item_totals.item_count)
            as event_count,
        item_totals.first_event_at,
        item_totals.last_event_at

    from item_totals

    left join activity_totals
        on
            item_totals.actor_id = activity_totals.actor_id
            and item_totals.product_code = activity_totals.product_code
            and item_totals.occurred_date = activity_totals.occurred_date

)
{%- endmacro %}

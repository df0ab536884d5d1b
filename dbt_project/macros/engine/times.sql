{# Seconds from one timestamp to a later one, with fractions. #}
{% macro seconds_between(earlier, later) -%}
    {{ return(adapter.dispatch("seconds_between", "gatehouse")(earlier, later)) }}
{%- endmacro %}

{% macro default__seconds_between(earlier, later) -%}
    (epoch_us({{ later }}) - epoch_us({{ earlier }})) / 1000000.0
{%- endmacro %}

{# Days from one date to a later one. #}
{% macro days_between(earlier, later) -%}
    {{ return(adapter.dispatch("days_between", "gatehouse")(earlier, later)) }}
{%- endmacro %}

{% macro default__days_between(earlier, later) -%}
    date_diff('day', {{ earlier }}, {{ later }})
{%- endmacro %}

{# A date some whole days later (earlier where negative). #}
{% macro add_days(day, days) -%}
    {{ return(adapter.dispatch("add_days", "gatehouse")(day, days)) }}
{%- endmacro %}

{% macro default__add_days(day, days) -%}
    cast({{ day }} + to_days(cast({{ days }} as integer)) as date)
{%- endmacro %}

{# One row per whole number from `first` to `last`, as a column of a `select`. #}
{% macro numbers_from_to(first, last) -%}
    {{ return(adapter.dispatch("numbers_from_to", "gatehouse")(first, last)) }}
{%- endmacro %}

{% macro default__numbers_from_to(first, last) -%}
    unnest(generate_series({{ first }}, {{ last }}))
{%- endmacro %}

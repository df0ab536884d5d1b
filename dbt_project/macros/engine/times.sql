{# Seconds from one timestamp to a later one, with fractions. #}
{% macro seconds_between(earlier, later) -%}
    {{ return(adapter.dispatch("seconds_between", "gatehouse")(earlier, later)) }}
{%- endmacro %}

{% macro default__seconds_between(earlier, later) -%}
    (epoch_us({{ later }}) - epoch_us({{ earlier }})) / 1000000e0
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

{% macro spark__seconds_between(earlier, later) -%}
    (
        unix_micros(cast({{ later }} as timestamp_ltz))
        - unix_micros(cast({{ earlier }} as timestamp_ltz))
    ) / 1000000e0
{%- endmacro %}

{% macro spark__days_between(earlier, later) -%}
    datediff({{ later }}, {{ earlier }})
{%- endmacro %}

{% macro spark__add_days(day, days) -%}
    date_add({{ day }}, cast({{ days }} as int))
{%- endmacro %}

{#- A sequence whose end is before its start runs backwards. -#}
{% macro spark__numbers_from_to(first, last) -%}
    explode(
        case when {{ first }} <= {{ last }} then sequence({{ first }}, {{ last }}) else array() end
    )
{%- endmacro %}

{# The frame of a window over dates: the days before the row's. #}
{% macro frame_of_days_before(days) -%}
    {{ return(adapter.dispatch("frame_of_days_before", "gatehouse")(days)) }}
{%- endmacro %}

{% macro default__frame_of_days_before(days) -%}
    range between interval {{ days }} days preceding and interval 1 day preceding
{%- endmacro %}

{% macro spark__frame_of_days_before(days) -%}
    range between {{ days }} preceding and 1 preceding
{%- endmacro %}

{# The frame of a window over timestamps: so many days up to the row's own, which is not in it. #}
{% macro frame_of_time_before(days) -%}
    {{ return(adapter.dispatch("frame_of_time_before", "gatehouse")(days)) }}
{%- endmacro %}

{% macro default__frame_of_time_before(days) -%}
    range between interval {{ days }} days preceding and interval 1 microsecond preceding
{%- endmacro %}

{#- Both ends of a frame are of one type. -#}
{% macro spark__frame_of_time_before(days) -%}
    range between interval '{{ days }} 00:00:00.000000' day to second preceding
    and interval '0 00:00:00.000001' day to second preceding
{%- endmacro %}

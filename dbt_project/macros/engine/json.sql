{# `{"key": value, ...}` as text over a group, keys in order, so that equal groups give equal text.
   `value` is a number. #}
{% macro json_numbers_by_key(key, value) -%}
    {{ return(adapter.dispatch("json_numbers_by_key", "gatehouse")(key, value)) }}
{%- endmacro %}

{% macro default__json_numbers_by_key(key, value) -%}
    '{' || string_agg(
        to_json({{ key }}) || ': ' || cast({{ value }} as varchar), ', ' order by {{ key }}
    ) || '}'
{%- endmacro %}

{# `["text", ...]` as text over a group, in the order given. #}
{% macro json_texts(value, order_by) -%}
    {{ return(adapter.dispatch("json_texts", "gatehouse")(value, order_by)) }}
{%- endmacro %}

{% macro default__json_texts(value, order_by) -%}
    '[' || string_agg(
        cast(to_json({{ value }}) as varchar), ', ' order by {{ order_by }}
    ) || ']'
{%- endmacro %}

{# A text field of a JSON text. #}
{% macro json_text(document, field) -%}
    {{ return(adapter.dispatch("json_text", "gatehouse")(document, field)) }}
{%- endmacro %}

{% macro default__json_text(document, field) -%}
    json_extract_string({{ document }}, '$.{{ field }}')
{%- endmacro %}

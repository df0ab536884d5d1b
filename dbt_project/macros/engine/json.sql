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

{% macro spark__json_numbers_by_key(key, value) -%}
    '{' || array_join(
        transform(
            array_sort(collect_list(struct({{ key }} as json_key, {{ value }} as json_value))),
            item -> {{ spark_json_string("item.json_key") }}
            || ': ' || {{ spark_json_number("item.json_value") }}
        ),
        ', '
    ) || '}'
{%- endmacro %}

{% macro spark__json_texts(value, order_by) -%}
    '[' || array_join(
        transform(
            array_sort(collect_list(struct({{ order_by }} as json_place, {{ value }} as json_value))),
            item -> {{ spark_json_string("item.json_value") }}
        ),
        ', '
    ) || ']'
{%- endmacro %}

{% macro spark__json_text(document, field) -%}
    get_json_object({{ document }}, '$.{{ field }}')
{%- endmacro %}

{# Spark writes lists and objects as JSON, and no text by itself. #}
{% macro spark_json_string(value) -%}
    substring(to_json(array({{ value }})), 2, length(to_json(array({{ value }}))) - 2)
{%- endmacro %}

{#- Spark writes 0.0008 as 8.0E-4. -#}
{% macro spark_json_number(value) -%}
    case
        when {{ value }} = 0 or abs({{ value }}) >= 1e-3 then cast({{ value }} as string)
        else trim(trailing '0' from cast(cast({{ value }} as decimal(38, 12)) as string))
    end
{%- endmacro %}

{# Type of a text of any length. #}
{% macro text_type() -%}
    {{ return(adapter.dispatch("text_type", "gatehouse")()) }}
{%- endmacro %}

{% macro default__text_type() -%}
    varchar
{%- endmacro %}

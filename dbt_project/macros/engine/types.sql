{# Type of a text of any length. #}
{% macro text_type() -%}
    {{ return(adapter.dispatch("text_type", "gatehouse")()) }}
{%- endmacro %}

{% macro default__text_type() -%}
    varchar
{%- endmacro %}

{% macro spark__text_type() -%}
    string
{%- endmacro %}

{# A number that is not negative, in whole parts of 10^-digits: whole numbers add up the same in any
   order, and halves go up in every engine, which a cast to a decimal leaves open. #}
{% macro whole_parts(number, digits) -%}
    cast(floor(({{ number }}) * 1e{{ digits }} + 0.5e0) as bigint)
{%- endmacro %}

{# What is left of evidence after some days. #}
{% macro fade(evidence, age_days, half_life_days) -%}
    {{ evidence }} * pow(2, -1e0 * {{ age_days }} / {{ half_life_days }})
{%- endmacro %}

{# A key made of columns: equal columns, equal key; a null differs from an empty text. #}
{% macro surrogate_key(columns) -%}
    {{ return(adapter.dispatch("surrogate_key", "gatehouse")(columns)) }}
{%- endmacro %}

{% macro default__surrogate_key(columns) -%}
    md5(concat_ws(
        '|',
        {%- for column in columns %}
        coalesce(
            replace(cast({{ column }} as {{ text_type() }}), '|', '||'), '|null|'
        ){{ "," if not loop.last }}
        {%- endfor %}
    ))
{%- endmacro %}

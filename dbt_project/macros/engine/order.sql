{#- How rows lie in a table, so that a look-up of a day or an actor skips the rest: by the
    columns that `meta.sorted_by` of the model names. -#}

{# At the end of a model: the order of rows where the whole table is made. Rows that come later
   are sorted where they are written, see `keep_sorted`. #}
{% macro in_stored_order() -%}
    {%- set columns = stored_order() -%}
    {%- if columns and not is_incremental() -%}
    order by {{ columns | join(", ") }}
    {%- endif -%}
{%- endmacro %}

{# After a model: tell the engine the order once, when it has made the table. #}
{% macro keep_sorted() -%}
    {%- set columns = stored_order() -%}
    {%- if columns and not is_incremental() -%}
        {{ return(adapter.dispatch("sort_table", "gatehouse")(this, columns)) }}
    {%- endif -%}
{%- endmacro %}

{% macro default__sort_table(table, columns) -%}
    alter table {{ table }} set sorted by ({{ columns | join(" asc, ") }} asc)
{%- endmacro %}

{# Iceberg's files are as large as what was written at once: the build's own order is all. #}
{% macro spark__sort_table(table, columns) -%}{%- endmacro %}

{# The columns; none while parsing, and in a unit test, whose rows lie nowhere. #}
{% macro stored_order() -%}
    {{ return(((config.get("meta") or {}).get("sorted_by") or []) if execute else []) }}
{%- endmacro %}

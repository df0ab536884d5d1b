{# What the literal bounds below are made of: the first and last day in a small table of touched
   things, read once per model. None where it is empty or not built yet. #}
{% macro touched_days(touched, day_column) -%}
    {#- A unit test's rows are no table. -#}
    {%- if not execute or touched.is_cte -%}{{ return(none) }}{%- endif -%}
    {%- set found = adapter.get_relation(touched.database, touched.schema, touched.identifier) -%}
    {%- if found is none -%}{{ return(none) }}{%- endif -%}
    {%- set days = run_query(
        "select min(" ~ day_column ~ "), max(" ~ day_column ~ ") from " ~ found
    ).rows[0] -%}
    {{ return(none if days[0] is none else days) }}
{%- endmacro %}

{# `column` lies on one of the touched days, give or take: literals, because only literals let
   the lake skip files. It narrows what is read and never decides what is built: a join with the
   touched table does that.

   before/after: days to widen it by. unit: date or timestamp column. #}
{% macro near_touched_days(column, touched, day_column, before=0, after=0) -%}
    {%- set days = touched_days(touched, day_column) -%}
    {%- if days is none -%}
        1 = 1
    {%- else -%}
        {{ column }} >= date '{{ days[0] }}' - {{ before }}
        and {{ column }} < date '{{ days[1] }}' + {{ after + 1 }}
    {%- endif -%}
{%- endmacro %}

{# The row is one of the touched ones; always true where everything is rebuilt anyway.

   columns: of this row, and of the touched table where `touched_columns` names no others. #}
{% macro is_touched(columns, touched, touched_columns=none, whole=false) -%}
    {%- if whole -%}
        1 = 1
    {%- else -%}
        {{ are_among(columns, touched_columns or columns, touched) }}
    {%- endif -%}
{%- endmacro %}

{# Values that are together in a row of a relation. #}
{% macro are_among(columns, their_columns, relation) -%}
    {{ return(adapter.dispatch("are_among", "gatehouse")(columns, their_columns, relation)) }}
{%- endmacro %}

{% macro default__are_among(columns, their_columns, relation) -%}
    ({{ columns | join(", ") }}) in (
            select ({{ their_columns | join(", ") }})
            from {{ relation }}
        )
{%- endmacro %}

{% macro spark__are_among(columns, their_columns, relation) -%}
    ({{ columns | join(", ") }}) in (
            select {{ their_columns | join(", ") }}
            from {{ relation }}
        )
{%- endmacro %}

{# One end of the run's interval on `ingested_at`, as a SQL literal. There is no default: a run
   that forgot its interval must fail, not build something else. #}
{% macro interval_bound(name) -%}
    {%- set value = var(name, none) -%}
    {%- if value is none and execute and flags.WHICH in ("build", "run") -%}
        {{ exceptions.raise_compiler_error(
            "dbt variable " ~ name ~ " is not set. Run builds with `gatehouse build`, or give "
            ~ "--vars '{interval_start: ..., interval_end: ...}' (UTC, on ingested_at)."
        ) }}
    {%- endif -%}
    cast('{{ value or "1970-01-01" }}' as timestamp)
{%- endmacro %}

{# Rows ingested in the run's interval (half-open); every row on a full refresh. #}
{% macro in_interval(column="ingested_at") -%}
    {%- if flags.FULL_REFRESH -%}
        1 = 1
    {%- else -%}
        {{ column }} >= {{ interval_bound("interval_start") }}
        and {{ column }} < {{ interval_bound("interval_end") }}
    {%- endif -%}
{%- endmacro %}

{# Whether every one of the given tables is about to be built whole: on a full refresh, and on
   their first build. What is upstream of them then must not stop at what was touched. #}
{% macro builds_whole(names) -%}
    {%- if not execute or flags.FULL_REFRESH -%}{{ return(true) }}{%- endif -%}
    {%- for name in ([names] if names is string else names) -%}
        {%- set node = graph.nodes["model." ~ project_name ~ "." ~ name] -%}
        {%- if adapter.get_relation(node.database, node.schema, node.alias) is not none -%}
            {{ return(false) }}
        {%- endif -%}
    {%- endfor -%}
    {{ return(true) }}
{%- endmacro %}

{#
  What every detection is written with. The window's bounds are given by the
  executor; without them (unit tests) all time is looked at.
#}

{% macro in_window(column) %}
{{ column }} >= cast('{{ var("window_start", "1970-01-01 00:00:00") }}' as timestamp)
and {{ column }} < cast('{{ var("window_end", "2200-01-01 00:00:00") }}' as timestamp)
{%- endmacro %}

{# One text that is equal for equal findings: dedup_key of the contract. #}
{% macro finding_key(columns) %}
{%- set parts = [] -%}
{%- for column in columns -%}
    {%- do parts.append("coalesce(cast(" ~ column ~ " as varchar), '')") -%}
{%- endfor -%}
md5({{ parts | join(" || '|' || ") }})
{%- endmacro %}

{# Facts behind a finding as a JSON object. Numbers only: no content, no identifiers. #}
{% macro evidence(facts) %}
{%- set parts = [] -%}
{%- for name, expression in facts.items() -%}
    {%- do parts.append(
        "'\"" ~ name ~ "\": ' || cast(" ~ expression ~ " as varchar)"
    ) -%}
{%- endfor -%}
'{' || {{ parts | join(" || ', ' || ") }} || '}'
{%- endmacro %}

{# A picture, style, script or font that a browser fetches with a page. #}
{% macro is_page_asset(column) %}
{%- set path = "lower(split_part(" ~ column ~ ", '?', 1))" -%}
{%- set endings = [
    "css", "js", "png", "jpg", "jpeg", "gif", "ico", "svg", "webp", "woff",
    "woff2", "ttf", "map"
] -%}
(
{%- for ending in endings %}
    {{ "or " if not loop.first }}{{ path }} like '%.{{ ending }}'
{%- endfor %}
)
{%- endmacro %}

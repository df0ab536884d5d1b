{# Place of a version among those of its record, 1 for the newest: by what the source says and never
   by arrival. In a column of its own: not every engine has `qualify`. #}
{% macro version_rank(key="record_key", relation=none) -%}
    {%- set prefix = relation ~ "." if relation else "" -%}
    row_number() over (
        partition by {{ key if key is string else key | join(", ") }}
        order by {{ prefix }}version_at desc, {{ prefix }}row_hash desc
    )
{%- endmacro %}

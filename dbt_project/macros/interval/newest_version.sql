{# Of the versions of a record the newest, by what the source says and never by arrival. #}
{% macro is_newest_version(key="record_key") -%}
    row_number() over (
        partition by {{ key }}
        order by version_at desc, row_hash desc
    ) = 1
{%- endmacro %}

{# Incremental strategy for small tables that are computed whole: write only what differs, so that
   a run that changes nothing leaves no new version of the table.

   config(incremental_strategy="replace_changed", unique_key="<column>") #}
{% macro get_incremental_replace_changed_sql(arg_dict) -%}
    {%- set target = arg_dict["target_relation"] -%}
    {%- set computed = arg_dict["temp_relation"] -%}
    {%- set key = arg_dict["unique_key"] -%}
    {%- set columns = get_quoted_csv(arg_dict["dest_columns"] | map(attribute="name")) -%}
    {%- set gone -%}
        select {{ columns }} from {{ target }}
        except
        select {{ columns }} from {{ computed }}
    {%- endset -%}
    {%- set new -%}
        select {{ columns }} from {{ computed }}
        except
        select {{ columns }} from {{ target }}
    {%- endset -%}

    {%- set has_gone = has_rows(gone) -%}
    {%- set has_new = has_rows(new) -%}
    {%- if has_gone %}
    delete from {{ target }} where {{ key }} in (select {{ key }} from ({{ gone }}));
    {%- endif %}
    {%- if has_gone or has_new %}
    insert into {{ target }} ({{ columns }})
    select {{ columns }} from ({{ new }})
    {%- else %}
    select 1
    {%- endif %}
{%- endmacro %}

{# Incremental strategy: make the rows of the touched keys what they are now. Unlike delete+insert
   it also removes a row whose reason is gone (a spike that a correction undid), and it writes only
   what differs: an interval that is run again leaves no new version of the table.

   config(
       incremental_strategy="replace_touched",
       unique_key=[columns shared with the touched table],
       meta={
           "key": [columns that identify a row],
           "touched": "<model>",
           "touched_day": "<its day column>",
           "day": "<day column here>",
       },
   )

   Late, corrected and repeated rows: whatever arrives touches its keys, and touched keys are
   rebuilt from all versions, so the order of arrival leaves no trace. #}
{% macro get_incremental_replace_touched_sql(arg_dict) -%}
    {%- set target = arg_dict["target_relation"] -%}
    {%- set rebuilt = arg_dict["temp_relation"] -%}
    {%- set meta = config.get("meta") -%}
    {%- set touched = ref(meta["touched"]) -%}
    {%- set keys = arg_dict["unique_key"] -%}
    {%- set keys = [keys] if keys is string else keys -%}
    {%- set row_key = meta["key"] | join(", ") -%}
    {%- set columns = get_quoted_csv(arg_dict["dest_columns"] | map(attribute="name")) -%}
    {%- set old_rows -%}
        select {{ columns }} from {{ target }}
        where
            {{ is_touched(keys, touched) }}
            {% if meta.get("day") -%}
            and {{ near_touched_days(meta["day"], touched, meta["touched_day"]) }}
            {%- endif %}
    {%- endset -%}

    {%- if not has_rows("select 1 from " ~ touched) %}
    select 1
    {%- elif not has_rows(old_rows) %}
    insert into {{ target }} ({{ columns }})
    select {{ columns }} from {{ rebuilt }}
    {%- else %}
    {%- set before = target.identifier ~ "__before" %}
    create or replace temporary table {{ before }} as {{ old_rows }};

    delete from {{ target }}
    where
        ({{ row_key }}) in (
            select ({{ row_key }})
            from (
                select {{ columns }} from {{ before }}
                except
                select {{ columns }} from {{ rebuilt }}
            ) as gone
        )
        {% if meta.get("day") -%}
        and {{ near_touched_days(meta["day"], touched, meta["touched_day"]) }}
        {%- endif %};

    insert into {{ target }} ({{ columns }})
    select {{ columns }} from {{ rebuilt }}
    except
    select {{ columns }} from {{ before }};

    drop table {{ before }}
    {%- endif %}
{%- endmacro %}

{# Whether a query gives any row. #}
{% macro has_rows(query) -%}
    {{ return(run_query("select 1 from (" ~ query ~ ") as found limit 1").rows | length > 0) }}
{%- endmacro %}

{# Incremental strategy: take out every row of the touched keys, put in what they are now. Unlike
   delete+insert it also removes a row whose reason is gone (a spike that a correction undid).

   config(
       incremental_strategy="replace_touched",
       unique_key=[columns shared with the touched table],
       meta={"touched": "<model>", "touched_day": "<its day column>", "day": "<day column here>"},
   )

   Late, corrected and repeated rows: whatever arrives touches its keys, and touched keys are
   rebuilt from all versions, so the order of arrival leaves no trace. #}
{% macro get_incremental_replace_touched_sql(arg_dict) -%}
    {%- set target = arg_dict["target_relation"] -%}
    {%- set meta = config.get("meta") -%}
    {%- set touched = ref(meta["touched"]) -%}
    {%- set keys = arg_dict["unique_key"] -%}
    {%- set keys = [keys] if keys is string else keys -%}
    {%- set columns = get_quoted_csv(arg_dict["dest_columns"] | map(attribute="name")) -%}

    {%- if run_query("select 1 from " ~ touched ~ " limit 1").rows | length == 0 -%}
    {#- Writing nothing still costs a round through the catalog. -#}
    select 1
    {%- else -%}
    delete from {{ target }} as replaced
    using (select distinct {{ keys | join(", ") }} from {{ touched }}) as touched
    where
        {% for key in keys -%}
        replaced.{{ key }} = touched.{{ key }}{{ " and " if not loop.last }}
        {%- endfor %}
        {% if meta.get("day") -%}
        and {{ near_touched_days("replaced." ~ meta["day"], touched, meta["touched_day"]) }}
        {%- endif %};

    insert into {{ target }} ({{ columns }})
    select {{ columns }} from {{ arg_dict["temp_relation"] }}
    {%- endif %}
{%- endmacro %}

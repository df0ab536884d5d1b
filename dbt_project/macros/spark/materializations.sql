{# Tables on Spark are Iceberg tables, replaced or changed in one commit: a reader of another version
   never sees half of a build, and a version that is kept stays what it was. #}
{% materialization table, adapter="spark", supported_languages=["sql"] %}
    {%- set target = this.incorporate(type="table") -%}
    {{ run_hooks(pre_hooks) }}
    {%- call statement("main") -%}
        {{ create_table_as(false, target, compiled_code) }}
    {%- endcall -%}
    {{ run_hooks(post_hooks) }}
    {{ return({"relations": [target]}) }}
{% endmaterialization %}

{% materialization incremental, adapter="spark", supported_languages=["sql"] %}
    {%- set target = this.incorporate(type="table") -%}
    {{ run_hooks(pre_hooks) }}
    {%- if load_cached_relation(this) is none or should_full_refresh() -%}
        {%- call statement("main") -%}
            {{ create_table_as(false, target, compiled_code) }}
        {%- endcall -%}
    {%- else -%}
        {%- set computed = this.incorporate(
            path={"identifier": this.identifier ~ "__computed"}, type="table"
        ) -%}
        {#- Computed once: what follows reads it more than once. -#}
        {%- call statement("computed") -%}
            {{ create_table_as(false, computed, compiled_code) }}
        {%- endcall -%}
        {%- call statement("main") -%}
            {{ spark_merge(target, computed) }}
        {%- endcall -%}
        {%- do adapter.drop_relation(computed) -%}
    {%- endif -%}
    {{ run_hooks(post_hooks) }}
    {{ return({"relations": [target]}) }}
{% endmaterialization %}

{% macro spark__create_table_as(temporary, relation, compiled_code, language="sql") -%}
    create or replace table {{ relation }}
    {%- if config.get("contract").enforced %}
        {{ get_assert_columns_equivalent(compiled_code) }}
        {%- set compiled_code = spark_never_null(compiled_code) -%}
    {%- endif %}
    using iceberg
    as {{ compiled_code }}
{%- endmacro %}

{# The incremental strategies in one statement, which writes only what differs.

   In scope is what a strategy rebuilds: the keys that were computed (`delete+insert`), the touched
   ones (`replace_touched`), all (`replace_changed`). Of that, what was not computed any more goes.
   `meta.key` identifies a row where `unique_key` is of several. #}
{% macro spark_merge(target, computed) -%}
    {%- set strategy = config.get("incremental_strategy") -%}
    {%- set meta = config.get("meta") or {} -%}
    {%- set unique_key = config.get("unique_key") -%}
    {%- set key = meta.get("key") or unique_key -%}
    {%- set key = [key] if key is string else key -%}
    {%- set columns = adapter.get_columns_in_relation(target) | map(attribute="name") | list -%}
    {%- set theirs = adapter.get_columns_in_relation(computed) | map(attribute="name") | list -%}
    {%- if theirs | sort != columns | sort -%}
        {%- do exceptions.raise_compiler_error(
            target ~ " has other columns than its model: gatehouse build --full-refresh"
        ) -%}
    {%- endif -%}
    {%- set names = columns | join(", ") -%}
    {%- set in_scope -%}
        {%- if strategy == "replace_touched" -%}
            {%- set touched = ref(meta["touched"]) -%}
            {{ is_touched([unique_key] if unique_key is string else unique_key, touched) }}
            {% if meta.get("day") -%}
            and {{ near_touched_days(meta["day"], touched, meta["touched_day"]) }}
            {%- endif %}
        {%- elif strategy == "delete+insert" -%}
            {{ is_touched([unique_key] if unique_key is string else unique_key, computed) }}
        {%- else -%}
            1 = 1
        {%- endif -%}
    {%- endset -%}
    {%- set changes -%}
        select {{ names }}, false as is_gone from (
            select {{ names }} from {{ computed }}
            except
            select {{ names }} from {{ target }} where {{ in_scope }}
        )
        union all
        select {{ names }}, true as is_gone from (
            select {{ names }} from {{ target }} where {{ in_scope }}
        ) as known
        where not exists (
            select 1 from {{ computed }} as computed
            where
                {%- for column in key %}
                {{ "and " if not loop.first }}computed.{{ column }} <=> known.{{ column }}
                {%- endfor %}
        )
    {%- endset -%}
    {%- if not has_rows(changes) -%}
    select 1
    {%- else -%}
    merge into {{ target }} as target
    using ({{ changes }}) as changes
    on
        {%- for column in key %}
        {{ "and " if not loop.first }}target.{{ column }} <=> changes.{{ column }}
        {%- endfor %}
    when matched and changes.is_gone then delete
    when matched then update set
        {%- for column in columns %}
        target.{{ column }} = changes.{{ column }}{{ "," if not loop.last }}
        {%- endfor %}
    when not matched and not changes.is_gone then insert ({{ names }})
        values ({% for column in columns %}changes.{{ column }}{{ ", " if not loop.last }}{% endfor %})
    {%- endif -%}
{%- endmacro %}

{# Contracts are written once, with the types of DuckDB. #}
{% macro spark__get_empty_schema_sql(columns) -%}
    select
    {%- for name in columns %}
        cast(null as {{ columns[name]["data_type"] | replace("varchar", "string") }})
        as {{ columns[name]["name"] }}{{ "," if not loop.last }}
    {%- endfor %}
{%- endmacro %}

{# As dbt-spark's own, which writes the text `None` where a seed has no value. #}
{% macro spark__load_csv_rows(model, agate_table) -%}
    {%- set types = model["config"].get("column_types", {}) -%}
    {%- set statement -%}
        insert into {{ this }} values
        {%- for row in agate_table.rows %}
        (
            {%- for value in row -%}
            {%- set name = agate_table.column_names[loop.index0] -%}
            {%- set type = types.get(name, adapter.convert_type(agate_table, loop.index0)) -%}
            {%- if value is none -%}
            cast(null as {{ type }})
            {%- else -%}
            cast('{{ value | string | replace("\\", "\\\\") | replace("'", "\\'") }}' as {{ type }})
            {%- endif -%}
            {{ ", " if not loop.last }}
            {%- endfor -%}
        ){{ "," if not loop.last }}
        {%- endfor %}
    {%- endset -%}
    {%- do adapter.add_query(statement, abridge_sql_log=true) -%}
    {{ return(statement) }}
{%- endmacro %}

{# What tables there are; as dbt-spark's own, which asks for a description of each. #}
{% macro spark__list_relations_without_caching(relation) -%}
    {%- set found = [] -%}
    {%- for row in run_query("show tables in " ~ relation.schema).rows -%}
        {%- do found.append([row[0], row[1], false, "Provider: iceberg"]) -%}
    {%- endfor -%}
    {{ return(found) }}
{%- endmacro %}

{# A contract's columns, of which those that may not be null fail the build, as DuckDB's do: Iceberg
   lets Spark write what it likes. #}
{% macro spark_never_null(compiled_code) -%}
    select
    {%- for name, column in model.columns.items() -%}
        {%- set kinds = column["constraints"] | map(attribute="type") | list %}
        {% if "not_null" in kinds -%}
        coalesce({{ name }}, raise_error('{{ model.name }}.{{ name }} is null')) as {{ name }}
        {%- else -%}
        {{ name }}
        {%- endif -%}
        {{ "," if not loop.last }}
    {%- endfor %}
    from ({{ compiled_code }}) as computed
{%- endmacro %}

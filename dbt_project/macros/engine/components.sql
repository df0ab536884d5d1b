{# A CTE `components` with the least node of the component of each `node` of an undirected graph.

   links: relation with an edge in each row. one, other: its columns of nodes. #}
{% macro connected_components(links, one, other) -%}
    {{ return(adapter.dispatch("connected_components", "gatehouse")(links, one, other)) }}
{%- endmacro %}

{# The `with` before it. #}
{% macro with_recursion() -%}
    {{ return(adapter.dispatch("with_recursion", "gatehouse")()) }}
{%- endmacro %}

{% macro default__with_recursion() -%}
    with recursive
{%- endmacro %}

{% macro spark__with_recursion() -%}
    with
{%- endmacro %}

{% macro default__connected_components(links, one, other) -%}
    {{ edges_both_ways(links, one, other) }},

    components (node, component) using key (node) as (

        select distinct
            edges.node,
            edges.node as component

        from edges

        union

        (
            select
                known.node,
                min(offered.component) as component

            from recurring.components as known

            inner join edges on known.node = edges.node

            inner join components as offered
                on edges.neighbour = offered.node

            where offered.component < known.component

            group by known.node
        )

    )
{%- endmacro %}

{# Without recursion: in each round a node takes the least of its own component, its neighbours', the
   component of that, and what its members are offered, until nothing changes. Components grow by
   whole components, so the rounds grow with the logarithm of a path's length. #}
{% macro spark__connected_components(links, one, other) -%}
    {%- set rounds = this.incorporate(path={"identifier": this.identifier ~ "__rounds"}) -%}
    {%- if execute and flags.WHICH in ("build", "run") -%}
        {%- do run_query(spark_components_begun(rounds, links, one, other)) -%}
        {#- Enough for paths of any length that fits a lake. -#}
        {%- for _round in range(64) -%}
            {%- if not has_rows("select 1 from " ~ rounds ~ " where is_new") -%}{%- break -%}{%- endif -%}
            {%- do run_query(spark_components_round(rounds, links, one, other)) -%}
        {%- endfor -%}
        {%- if has_rows("select 1 from " ~ rounds ~ " where is_new") -%}
            {%- do exceptions.raise_compiler_error("The components of " ~ links ~ " do not end.") -%}
        {%- endif -%}
    {%- endif -%}
    components as (

        select
            node,
            component

        from {{ rounds }}

    )
{%- endmacro %}

{% macro spark_components_begun(rounds, links, one, other) -%}
    create or replace table {{ rounds }} using iceberg as
    with

    {{ edges_both_ways(links, one, other) }}

    select
        node,
        least(node, min(neighbour)) as component,
        true as is_new

    from edges

    group by node
{%- endmacro %}

{% macro spark_components_round(rounds, links, one, other) -%}
    create or replace table {{ rounds }} using iceberg as
    with

    {{ edges_both_ways(links, one, other) }},

    offers as (

        select
            edges.node,
            rounds.component

        from edges

        inner join {{ rounds }} as rounds on edges.neighbour = rounds.node

        union all

        select
            known.node,
            above.component

        from {{ rounds }} as known

        inner join {{ rounds }} as above on known.component = above.node

        union all

        select
            known.component as node,
            rounds.component

        from {{ rounds }} as known

        inner join edges on known.node = edges.node

        inner join {{ rounds }} as rounds on edges.neighbour = rounds.node

    ),

    least_offers as (

        select
            node,
            min(component) as component

        from offers

        group by node

    )

    select
        known.node,
        least(known.component, least_offers.component) as component,
        least_offers.component < known.component as is_new

    from {{ rounds }} as known

    inner join least_offers on known.node = least_offers.node
{%- endmacro %}

{# A CTE `edges`: each link as `node` and `neighbour`, in both directions. #}
{% macro edges_both_ways(links, one, other) -%}
    edges as (

        select
            {{ one }} as node,
            {{ other }} as neighbour

        from {{ links }}

        union all

        select
            {{ other }} as node,
            {{ one }} as neighbour

        from {{ links }}

    )
{%- endmacro %}

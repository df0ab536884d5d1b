{# CTEs that give each node of an undirected graph the least node of its component.

   edges: name of a CTE with columns `node` and `neighbour`, each edge in both directions.
   Leaves a CTE `components` with `node` and `component`. #}
{% macro connected_components(edges) -%}
    {{ return(adapter.dispatch("connected_components", "gatehouse")(edges)) }}
{%- endmacro %}

{% macro default__connected_components(edges) -%}
    components (node, component) using key (node) as (

        select distinct
            {{ edges }}.node,
            {{ edges }}.node as component

        from {{ edges }}

        union

        (
            select
                known.node,
                min(offered.component) as component

            from recurring.components as known

            inner join {{ edges }} on known.node = {{ edges }}.node

            inner join components as offered
                on {{ edges }}.neighbour = offered.node

            where offered.component < known.component

            group by known.node
        )

    )
{%- endmacro %}

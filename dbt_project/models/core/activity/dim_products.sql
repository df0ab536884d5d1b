{{
    config(
        materialized="incremental",
        incremental_strategy="replace_changed",
        unique_key="product_code",
        on_schema_change="fail",
    )
}}

with

products as (

    select * from {{ ref("products") }}

),

seen as (

    select * from {{ ref("int_activity__products_seen") }}

),

final as (

    select
        coalesce(products.product_code, seen.product_code) as product_code,
        coalesce(products.product_name, seen.product_code) as product_name,
        coalesce(products.product_type_code, 'web') as product_type_code,
        products.launched_date,
        products.product_code is null as is_inferred

    from products

    full outer join seen on products.product_code = seen.product_code

)

select * from final

{{
    config(
        database=target.get("database"),
        materialized="incremental",
        incremental_strategy="delete+insert",
        unique_key="product_code",
        on_schema_change="fail",
    )
}}

{#- Grows only: a product that any version of any record names has been seen.
-#}
with

seen as (

    {% for input in [
        "events",
        "logins",
        "payments",
        "model_scores",
        "content",
        "user_reports",
    ] %}

        select distinct product_code

        from {{ ref("base_" ~ input) }}

        {% if is_incremental() %}

            where {{ in_interval() }}

        {% endif %}

        {{ "union" if not loop.last }}

    {% endfor %}

),

final as (

    select product_code from seen

)

select * from final

{{
    config(
        materialized="incremental",
        incremental_strategy="delete+insert",
        unique_key="label_id",
        on_schema_change="fail",
    )
}}

{#- A label changes when its newest version arrives, and then only. -#}
with

labels as (

    select * from {{ ref("stg_review_labels") }}

    {% if is_incremental() %}

        where {{ in_interval() }}

    {% endif %}

),

final as (

    select
        label_id,
        actor_id,
        item_id,
        policy_code,
        label_code,
        reviewer_id,
        stream_code,
        inclusion_probability,
        labelled_at

    from labels

)

select * from final

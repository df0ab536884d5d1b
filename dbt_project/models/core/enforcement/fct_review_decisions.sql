{{
    config(
        materialized="incremental",
        incremental_strategy="delete+insert",
        unique_key="label_id",
        on_schema_change="fail",
    )
}}

{#- Whatever arrives of a label, from whichever source, touches it: it is
    resolved again from all that was said of it. #}
-- depends_on: {{ ref("base_review_labels") }}

with

versions as (

    select * from {{ ref("stg_review_labels") }}

),

{% if is_incremental() %}

    touched as (

        select distinct label_id

        from {{ ref("base_review_labels") }}

        where {{ in_interval() }}

    ),

{% endif %}

labels as (

    select
        versions.*,
        {{ version_rank("versions.label_id", "versions") }} as version_rank

    from versions

    {% if is_incremental() %}

        inner join touched on versions.label_id = touched.label_id

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

    where version_rank = 1

)

select * from final

{#- Few records have more than one version. Finding the old ones by their keys
    alone and leaving them out costs half of ranking whole rows. -#}
{%- set touched = ref("int_activity__touched_events") -%}
{%- set whole = builds_whole("fct_events") %}

with

versions as (

    select
        record_type,
        record_key,
        source_id,
        file_id,
        row_hash,
        row_number,
        version_at

    from {{ ref("int_activity__event_versions") }}

    where
        {{ near_touched_days("occurred_at", touched, "occurred_date") }}
        and {{
            is_touched(["record_type", "record_key"], touched, whole=whole)
        }}

),

repeated as (

    select
        record_type,
        record_key

    from versions

    group by record_type, record_key

    having count(*) > 1

),

ranked as (

    select
        versions.record_type,
        versions.source_id,
        versions.file_id,
        versions.row_number,
        {{ version_rank(
            ["versions.record_type", "versions.record_key"], "versions"
        ) }} as version_rank

    from versions

    inner join repeated
        on
            versions.record_type = repeated.record_type
            and versions.record_key = repeated.record_key

),

final as (

    select
        record_type,
        source_id,
        file_id,
        row_number

    from ranked

    where version_rank > 1

)

select * from final

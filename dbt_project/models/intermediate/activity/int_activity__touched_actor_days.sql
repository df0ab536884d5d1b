{#- All versions of what arrived count, not the newest only: a correction that
    moves an event to another actor must also rebuild the day it leaves. -#}
{%- set touched = ref("int_activity__touched_events") %}

with

versions as (

    select * from {{ ref("int_activity__event_versions") }}

    where {{ near_touched_days("occurred_at", touched, "occurred_date") }}

),

touched_events as (

    select distinct
        record_type,
        record_key

    from {{ touched }}

),

content as (

    select * from {{ ref("base_content") }}

),

touched_content as (

    select distinct record_key

    from content

    where
        {{ in_interval() }}
        and not {{ builds_whole("int_activity__attribute_days") }}

),

final as (

    select
        versions.actor_id,
        versions.product_code,
        versions.occurred_date as activity_date

    from versions

    inner join touched_events
        on
            versions.record_type = touched_events.record_type
            and versions.record_key = touched_events.record_key

    union

    select
        content.actor_id,
        content.product_code,
        content.created_date as activity_date

    from content

    inner join touched_content
        on content.record_key = touched_content.record_key

)

select * from final

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

final as (

    select
        versions.ip_address,
        count(distinct versions.actor_id) as actor_count,
        versions.occurred_date as activity_date

    from versions

    inner join touched_events
        on
            versions.record_type = touched_events.record_type
            and versions.record_key = touched_events.record_key

    where versions.ip_address is not null

    group by versions.ip_address, versions.occurred_date

)

select * from final

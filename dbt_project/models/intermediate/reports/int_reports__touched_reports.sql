{#- All versions, so that a report that a correction laid on another actor also
    leaves the first. -#}
{%- set touched = ref("int_reports__touched_reporters") %}

with

versions as (

    select * from {{ ref("base_user_reports") }}

),

touched as (

    select * from {{ touched }}

),

touched_records as (

    select distinct versions.record_key

    from versions

    inner join touched
        on
            versions.reporter_actor_id = touched.reporter_actor_id
            and versions.reported_at >= touched.changed_at

),

final as (

    select distinct
        versions.record_key,
        {{ surrogate_key(["versions.record_key"]) }} as report_key,
        versions.reported_actor_id,

        versions.reported_date

    from versions

    inner join touched_records
        on versions.record_key = touched_records.record_key

)

select * from final

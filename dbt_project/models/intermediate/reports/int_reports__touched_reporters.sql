{#- A report changes what is known of its reporter, and so does a label on what
    it reported: from that moment on, never before. -#}
with

reports as (

    select * from {{ ref("base_user_reports") }}

),

label_versions as (

    select * from {{ ref("base_review_labels") }}

),

arrived_labels as (

    select distinct record_key

    from label_versions

    where {{ in_interval() }}

),

-- All versions: a correction also changes what was known by the version that
-- it replaces.
labels as (

    select label_versions.*

    from label_versions

    inner join arrived_labels
        on label_versions.record_key = arrived_labels.record_key

),

arrived_reports as (

    select distinct record_key

    from reports

    where {{ in_interval() }}

),

changes as (

    select
        reports.reporter_actor_id,
        reports.reported_at as changed_at

    from reports

    inner join arrived_reports
        on reports.record_key = arrived_reports.record_key

    union all

    select
        reports.reporter_actor_id,
        labels.labelled_at as changed_at

    from reports

    inner join labels
        on
            reports.reported_actor_id = labels.actor_id
            and reports.policy_code = labels.policy_code
            and reports.reported_at <= labels.labelled_at

),

final as (

    select
        reporter_actor_id,

        cast(min(changed_at) as date) as changed_date,

        min(changed_at) as changed_at

    from changes

    where not {{ builds_whole("fct_reports") }}

    group by reporter_actor_id

)

select * from final

{#- What review made of reports: the first decisive label after a report, on the
    same actor, policy and (where both name one) item. -#}
with

reports as (

    select * from {{ ref("stg_user_reports") }}

    where
        {{
            is_touched(
                ["reporter_actor_id"],
                ref("int_reports__touched_reporters"),
                whole=builds_whole("fct_reports"),
            )
        }}

),

labels as (

    select * from {{ ref("stg_review_labels") }}

    where label_code in ('violating', 'not_violating')

),

decisive as (

    select
        reports.record_key,
        reports.reporter_actor_id,
        labels.label_code,
        labels.labelled_at

    from reports

    inner join labels
        on
            reports.reported_actor_id = labels.actor_id
            and reports.policy_code = labels.policy_code
            and reports.reported_at <= labels.labelled_at
            -- Later than that, nobody can say which report it answers.
            and labels.labelled_date <= {{
                add_days(
                    "reports.reported_date",
                    var("credibility_lookback_days")
                )
            }}

    where
        reports.item_id is null
        or labels.item_id is null
        or reports.item_id = labels.item_id

    qualify
        row_number() over (
            partition by reports.record_key
            order by
                labels.labelled_at asc,
                labels.label_code desc,
                labels.label_id asc
        ) = 1

),

final as (

    select
        record_key,
        reporter_actor_id,

        label_code = 'violating' as is_right,

        labelled_at as known_at

    from decisive

)

select * from final

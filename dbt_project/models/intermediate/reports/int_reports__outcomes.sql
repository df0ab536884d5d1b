{#- What review made of reports: the first decisive label after a report, on the
    same actor, policy and (where both name one) item. Of the reporters of whatever
    is rebuilt: a correction may have laid a touched report on another one. -#}
{%- set whole = builds_whole("fct_reports") %}

with

all_reports as (

    select * from {{ ref("stg_user_reports") }}

),

rebuilt as (

    select reporter_actor_id

    from all_reports

    where
        {{
            is_touched(
                ["record_key"],
                ref("int_reports__touched_reports"),
                whole=whole,
            )
        }}

    union

    select reporter_actor_id from {{ ref("int_reports__touched_reporters") }}

),

reports as (

    select all_reports.*

    from all_reports

    inner join rebuilt
        on all_reports.reporter_actor_id = rebuilt.reporter_actor_id

),

labels as (

    select * from {{ ref("stg_review_labels") }}

    where label_code in ('violating', 'not_violating')

),

answers as (

    select
        reports.record_key,
        reports.reporter_actor_id,
        labels.label_code,
        labels.labelled_at,
        row_number() over (
            partition by reports.record_key
            order by
                labels.labelled_at asc,
                labels.label_code desc,
                labels.label_id asc
        ) as answer_rank

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

),

final as (

    select
        record_key,
        reporter_actor_id,

        label_code = 'violating' as is_right,

        labelled_at as known_at

    from answers

    -- The first one decides.
    where answer_rank = 1

)

select * from final

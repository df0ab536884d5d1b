{{
    config(
        materialized="incremental",
        incremental_strategy="replace_touched",
        unique_key="report_key",
        on_schema_change="fail",
        meta={
            "key": ["report_key"],
            "touched": "int_reports__touched_reports",
            "touched_day": "reported_date",
            "day": "reported_date",
        },
    )
}}

{%- set touched = ref("int_reports__touched_reports") %}

with

reports as (

    select * from {{ ref("stg_user_reports") }}

    {% if is_incremental() %}

        where {{ is_touched(["record_key"], touched) }}

    {% endif %}

),

outcomes as (

    select * from {{ ref("int_reports__outcomes") }}

),

-- Reports and what became of earlier ones, on one time line per reporter.
time_line as (

    select
        record_key,
        reporter_actor_id,
        0 as right_count,
        0 as judged_count,
        reported_at as happened_at

    from reports

    union all

    select
        null as record_key,
        reporter_actor_id,
        cast(is_right as integer) as right_count,
        1 as judged_count,
        known_at as happened_at

    from outcomes

),

-- Only what was known before the report counts, on top of the prior: no look
-- into the future.
records as (

    select
        record_key,
        coalesce(sum(right_count) over earlier, 0)
        + {{ var("credibility_prior_right") }} as right_count,
        coalesce(sum(judged_count) over earlier, 0)
        + {{ var("credibility_prior_right") }}
        + {{ var("credibility_prior_wrong") }} as belief_count

    from time_line

    window
        earlier as (
            partition by reporter_actor_id
            order by happened_at
            {{ frame_of_time_before(var("credibility_lookback_days")) }}
        )

),

-- The mean of the Beta posterior: how often the reporter is right.
believed as (

    select
        record_key,
        belief_count,
        cast(right_count as double) / belief_count as credibility

    from records

),

final as (

    select
        {{ surrogate_key(["reports.record_key"]) }} as report_key,
        reports.report_id,
        reports.source_id,
        reports.reporter_actor_id,
        reports.reported_actor_id,
        reports.item_id,
        reports.product_code,
        reports.policy_code,
        reports.severity,
        round(believed.credibility, 6) as reporter_credibility,
        round(
            greatest(
                0,
                believed.credibility
                - {{ var("credibility_deviations") }} * sqrt(
                    believed.credibility * (1 - believed.credibility)
                    / (believed.belief_count + 1)
                )
            ),
            6
        ) as proven_credibility,
        reports.reported_date,
        reports.reported_at,
        reports.ingested_at

    from reports

    inner join believed on reports.record_key = believed.record_key

)

select * from final

with reports as (

    select
        reporter_actor_id,
        reported_actor_id,
        product_code,
        severity,
        reported_at,
        reported_date

    from {{ ref("fct_reports") }}

    where {{ in_window("reported_at") }}

),

target_days as (

    select
        reported_actor_id,
        product_code,
        reported_date,
        count(*) as report_count,
        sum(case when severity >= 4 then 1 else 0 end) as grave_count,
        count(distinct case when severity >= 4 then reporter_actor_id end)
            as grave_reporter_count

    from reports

    group by
        reported_actor_id,
        product_code,
        reported_date

),

-- The target's own four weeks before: a target that is always reported a lot
-- is no victim of a brigade.
target_past as (

    select
        target_days.reported_actor_id,
        target_days.product_code,
        target_days.reported_date,
        target_days.report_count,
        target_days.grave_count,
        target_days.grave_reporter_count,
        coalesce(sum(past.grave_count), 0) as past_grave_count,
        coalesce(sum(past.report_count), 0) as past_report_count

    from target_days

    left join target_days as past
        on
            target_days.reported_actor_id = past.reported_actor_id
            and target_days.product_code = past.product_code
            and target_days.reported_date > past.reported_date
            and past.reported_date
            >= target_days.reported_date - interval '28' day

    group by
        target_days.reported_actor_id,
        target_days.product_code,
        target_days.reported_date,
        target_days.report_count,
        target_days.grave_count,
        target_days.grave_reporter_count

),

-- Expected grave reports: the daily mean of the four weeks, or the past share
-- of grave reports among as many reports, whichever is more; at least one.
expected as (

    select
        reported_actor_id,
        product_code,
        reported_date,
        grave_count,
        grave_reporter_count,
        greatest(
            1e0,
            past_grave_count / 28e0,
            case
                when past_report_count > 0
                    then
                        report_count
                        * (past_grave_count * 1e0 / past_report_count)
                else 0e0
            end
        ) as expected_grave_count

    from target_past

),

bursts as (

    select
        reported_actor_id,
        product_code,
        reported_date,
        grave_count,
        grave_reporter_count,
        expected_grave_count

    from expected

    where
        grave_reporter_count >= {{ threshold("min_reporters") }}
        and grave_count
        >= expected_grave_count * {{ threshold("min_times_expected") }}

),

-- The finding is about those who took part, never about their target.
participants as (

    select
        reports.reporter_actor_id,
        reports.reported_actor_id,
        reports.product_code,
        reports.reported_date,
        bursts.grave_count,
        bursts.grave_reporter_count,
        bursts.expected_grave_count,
        count(*) as report_count,
        min(reports.reported_at) as first_event_at,
        max(reports.reported_at) as last_event_at

    from reports

    inner join bursts
        on
            reports.reported_actor_id = bursts.reported_actor_id
            and reports.product_code = bursts.product_code
            and reports.reported_date = bursts.reported_date

    where reports.severity >= 4

    group by
        reports.reporter_actor_id,
        reports.reported_actor_id,
        reports.product_code,
        reports.reported_date,
        bursts.grave_count,
        bursts.grave_reporter_count,
        bursts.expected_grave_count

),

final as (

    select
        reporter_actor_id as actor_id,
        'user' as actor_type,
        product_code,
        {{ finding_key([
            "reporter_actor_id", "reported_actor_id", "reported_date"
        ]) }} as dedup_key,
        -- Four times the expected gives 0.33, ten times 0.63.
        cast(
            round(1 - exp(-(grave_count / expected_grave_count) / 10e0), 6)
            as double
        ) as score,
        cast(report_count as bigint) as event_count,
        first_event_at,
        last_event_at,
        {{ evidence({
            "grave_reports_on_target_that_day": "grave_count",
            "reporters": "grave_reporter_count",
            "expected": "round(expected_grave_count, 2)",
        }) }} as evidence

    from participants

)

select * from final

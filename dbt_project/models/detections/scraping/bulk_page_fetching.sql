with requests as (

    select
        actor_id,
        actor_type,
        product_code,
        resource,
        occurred_at,
        occurred_date,
        {{ is_page_asset("resource") }} as is_asset

    from {{ ref("fct_events") }}

    where
        event_type = 'request'
        and resource is not null
        and {{ in_window("occurred_at") }}

),

-- A browser fetches the pictures and styles of a page with it; a scraper takes
-- page after page and little else. The user agent is not looked at: it lies.
actor_days as (

    select
        actor_id,
        actor_type,
        product_code,
        occurred_date,
        count(*) as request_count,
        count(distinct case when not is_asset then resource end)
            as page_count,
        sum(case when is_asset then 1 else 0 end) as asset_count,
        min(occurred_at) as first_event_at,
        max(occurred_at) as last_event_at

    from requests

    group by
        actor_id,
        actor_type,
        product_code,
        occurred_date

),

final as (

    select
        actor_id,
        actor_type,
        product_code,
        {{ finding_key(["actor_id", "product_code", "occurred_date"]) }}
            as dedup_key,
        -- 50 pages a day give 0.39, 200 give 0.86.
        cast(round(1 - exp(-page_count / 100e0), 6) as double) as score,
        cast(request_count as bigint) as event_count,
        first_event_at,
        last_event_at,
        {{ evidence({
            "requests_that_day": "request_count",
            "different_pages": "page_count",
            "page_assets": "asset_count",
        }) }} as evidence

    from actor_days

    where
        page_count >= {{ threshold("min_pages") }}
        -- Seldom the same page twice, hardly any assets.
        and page_count >= request_count * {{ threshold("min_page_share") }}
        and asset_count <= request_count * {{ threshold("max_asset_share") }}

)

select * from final

{%- set whole = builds_whole("abuse_signals") -%}
{%- set touched = ref("int_signals__touched_actor_days") %}

with

versions as (

    select
        *,
        cast(updated_at as date) as updated_date

    from {{ ref("stg_actors") }}

    where
        email_domain is not null
        and {{
            is_touched(
                ["actor_id", "cast(updated_at as date)"],
                touched,
                ["actor_id", "occurred_date"],
                whole=whole,
            )
        }}

),

entries as (

    select * from {{ ref("dim_reputation") }}

    where category_code = 'disposable_email'

),

final as (

    select
        versions.actor_id,
        cast(null as {{ text_type() }}) as item_id,
        versions.email_domain as evidence_id,

        'disposable_email' as signal_kind_code,
        cast(null as {{ text_type() }}) as product_code,
        cast(null as {{ text_type() }}) as policy_code,
        'email_domain' as evidence_type,

        round(max(entries.score), 6) as score,
        cast(1 as bigint) as evidence_count,

        versions.updated_date as occurred_date,

        max(versions.updated_at) as occurred_at

    from versions

    inner join entries
        on
            versions.email_domain = entries.entry
            and versions.updated_date >= entries.valid_from_date
            and versions.updated_date < entries.valid_to_date
            and versions.updated_date < {{
                add_days(
                    "entries.valid_from_date",
                    var("reputation_maximum_age_days")
                )
            }}

    group by versions.actor_id, versions.email_domain, versions.updated_date

)

select * from final

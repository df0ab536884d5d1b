{#- Accounts that were young when first heard of: of an old one that a source
    states for the first time, its birth says nothing any more. -#}
{%- set whole = builds_whole("abuse_signals") -%}
{%- set touched = ref("int_signals__touched_actor_days") %}

with

versions as (

    select * from {{ ref("stg_actors") }}

    where
        actor_type = 'user'
        and {{ is_touched(["actor_id"], touched, whole=whole) }}

),

accounts as (

    select
        actor_id,
        min(created_at) as created_at,
        min(updated_at) as first_stated_at

    from versions

    group by actor_id

),

dated as (

    select
        actor_id,
        created_at,
        cast(created_at as date) as created_date,
        cast(first_stated_at as date) as first_stated_date

    from accounts

    where created_at is not null

),

final as (

    select
        actor_id,
        cast(null as {{ text_type() }}) as item_id,
        'sign_up' as evidence_id,

        'new_account' as signal_kind_code,
        cast(null as {{ text_type() }}) as product_code,
        cast(null as {{ text_type() }}) as policy_code,
        'account' as evidence_type,

        cast(1 as double) as score,
        cast(1 as bigint) as evidence_count,

        created_date as occurred_date,

        created_at as occurred_at

    from dated

    where
        first_stated_date <= {{
            add_days("created_date", var("new_account_maximum_age_days"))
        }}
        and {{
            is_touched(
                ["actor_id", "created_date"],
                touched,
                ["actor_id", "occurred_date"],
                whole=whole,
            )
        }}

)

select * from final

{#- An address is in a block when the block of its first n bits is: an equal
    join per prefix length on the lists, instead of a range join. -#}
{%- set whole = builds_whole("abuse_signals") -%}
{%- set touched = ref("int_signals__touched_actor_days") %}

with

uses as (

    select
        actor_id,
        attribute_value as ip_address,
        event_count,
        activity_date,
        last_seen_at

    from {{ ref("int_activity__attribute_days") }}

    where
        attribute_type = 'ip'
        and {{ near_touched_days("activity_date", touched, "occurred_date") }}
        and {{
            is_touched(
                ["actor_id", "activity_date"],
                touched,
                ["actor_id", "occurred_date"],
                whole=whole,
            )
        }}

),

-- All actors, touched or not: how many share an address on a day.
sharing as (

    select
        attribute_value as ip_address,
        count(*) as actor_count,
        activity_date

    from {{ ref("int_activity__attribute_days") }}

    where
        attribute_type = 'ip'
        and {{ near_touched_days("activity_date", touched, "occurred_date") }}

    group by attribute_value, activity_date

),

entries as (

    select * from {{ ref("dim_reputation") }}

    where entry_type in ('ip', 'cidr')

),

prefix_lengths as (

    select distinct prefix_length

    from entries

    where prefix_length is not null

),

addresses as (

    select distinct
        ip_address,
        {{ ipv4_number("ip_address") }} as address

    from uses

),

blocks as (

    select
        addresses.ip_address,
        prefix_lengths.prefix_length,
        addresses.address
        - addresses.address
        % {{ ipv4_block_size("prefix_lengths.prefix_length") }} as range_start

    from addresses

    cross join prefix_lengths

    where addresses.address is not null

),

listed as (

    select
        blocks.ip_address,
        entries.category_code,
        entries.score,
        entries.valid_from_date,
        entries.valid_to_date

    from blocks

    inner join entries
        on
            blocks.prefix_length = entries.prefix_length
            and blocks.range_start = entries.range_start

    union all

    -- Addresses of version 6 are listed one by one.
    select
        addresses.ip_address,
        entries.category_code,
        entries.score,
        entries.valid_from_date,
        entries.valid_to_date

    from addresses

    inner join entries on addresses.ip_address = entries.entry

    where addresses.address is null

),

-- What the list said on the day of use, not what it says today.
hits as (

    select
        uses.actor_id,
        uses.ip_address,
        uses.activity_date,
        listed.category_code,
        max(listed.score) as score,
        max(uses.last_seen_at) as last_seen_at

    from uses

    inner join listed
        on
            uses.ip_address = listed.ip_address
            and uses.activity_date >= listed.valid_from_date
            and uses.activity_date < listed.valid_to_date
            and uses.activity_date < {{
                add_days(
                    "listed.valid_from_date",
                    var("reputation_maximum_age_days")
                )
            }}

    group by
        uses.actor_id,
        uses.ip_address,
        uses.activity_date,
        listed.category_code

),

-- A blocklist speaks of somebody who uses the address: one of those who do. A
-- carrier's or a university's condemns nobody. The other lists say what kind of
-- network it is, which holds for everyone on it.
weighed as (

    select
        hits.actor_id,
        hits.ip_address,
        hits.activity_date,
        hits.category_code,
        hits.last_seen_at,
        case
            when hits.category_code <> 'blocklist' then hits.score
            when
                sharing.actor_count <= {{ var("blocklist_maximum_actors") }}
                then hits.score / sharing.actor_count
            else 0
        end as score

    from hits

    inner join sharing
        on
            hits.ip_address = sharing.ip_address
            and hits.activity_date = sharing.activity_date

),

final as (

    select
        actor_id,
        cast(null as {{ text_type() }}) as item_id,
        min(ip_address) as evidence_id,

        category_code || '_ip' as signal_kind_code,
        cast(null as {{ text_type() }}) as product_code,
        cast(null as {{ text_type() }}) as policy_code,
        'ip_address' as evidence_type,

        round(max(score), 6) as score,
        count(*) as evidence_count,

        activity_date as occurred_date,

        max(last_seen_at) as occurred_at

    from weighed

    where
        category_code in ('tor', 'vpn', 'datacenter', 'blocklist')
        and score > 0

    group by actor_id, category_code, activity_date

)

select * from final

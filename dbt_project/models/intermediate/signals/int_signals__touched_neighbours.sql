{#- How many actors share an address decides what a list's word is worth, so who
    comes or goes touches the others. Not where so many share it that no row of
    this run can have changed that it says nothing about anyone. -#}
{%- set addresses = ref("int_activity__touched_addresses") %}

with

addresses as (

    select * from {{ addresses }}

),

uses as (

    select
        actor_id,
        attribute_value as ip_address,
        activity_date,
        count(*) over (
            partition by attribute_value, activity_date
        ) as actor_count

    from {{ ref("int_activity__attribute_days") }}

    where
        attribute_type = 'ip'
        and {{
            near_touched_days("activity_date", addresses, "activity_date")
        }}
        and {{
            is_touched(
                ["attribute_value", "activity_date"],
                addresses,
                ["ip_address", "activity_date"],
            )
        }}

),

final as (

    select distinct
        uses.actor_id,
        uses.activity_date as occurred_date

    from uses

    inner join addresses
        on
            uses.ip_address = addresses.ip_address
            and uses.activity_date = addresses.activity_date

    where
        uses.actor_count
        <= addresses.actor_count + {{ var("blocklist_maximum_actors") }}

)

select * from final

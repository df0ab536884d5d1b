{#- A new edition also ends the one before it, so both are touched. -#}
with

entries as (

    select * from {{ ref("base_reputation") }}

),

arrived as (

    select distinct
        list_id,
        list_date

    from entries

    where {{ in_interval() }}

),

editions as (

    select distinct
        list_id,
        list_date

    from entries

    where list_id in (select arrived.list_id from arrived)

),

neighbours as (

    select
        list_id,
        list_date,
        lead(list_date) over (partition by list_id order by list_date)
            as next_list_date

    from editions

),

final as (

    select
        neighbours.list_id,
        neighbours.list_date as valid_from_date,
        neighbours.next_list_date as valid_to_date

    from neighbours

    where
        exists (
            select 1
            from arrived
            where
                arrived.list_id = neighbours.list_id
                and arrived.list_date in (
                    neighbours.list_date, neighbours.next_list_date
                )
        )

)

select * from final

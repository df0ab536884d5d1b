{{
    config(
        materialized="incremental",
        incremental_strategy="replace_touched",
        unique_key=["list_id", "valid_from_date"],
        on_schema_change="fail",
        meta={
            "key": ["reputation_key"],
            "touched": "int_reputation__touched_editions",
        },
    )
}}

-- depends_on: {{ ref("int_reputation__touched_editions") }}

with

entries as (

    select * from {{ ref("stg_reputation") }}

),

editions as (

    {% if is_incremental() %}

        select * from {{ ref("int_reputation__touched_editions") }}

    {% else %}

        select
            list_id,
            list_date as valid_from_date,
            lead(list_date) over (partition by list_id order by list_date)
                as valid_to_date

        from (
            select distinct
                list_id,
                list_date
            from entries
        ) as edition

    {% endif %}

),

dated as (

    select
        entries.list_id,
        entries.entry_type,
        entries.entry,
        entries.category_code,
        entries.score,
        editions.valid_from_date,
        coalesce(editions.valid_to_date, date '9999-12-31') as valid_to_date,
        -- A single address is a block of one.
        case
            when entries.entry_type = 'cidr'
                then try_cast(split_part(entries.entry, '/', 2) as integer)
            when entries.entry_type = 'ip' then 32
        end as stated_prefix_length,
        {{ ipv4_number("split_part(entries.entry, '/', 1)") }} as address

    from entries

    inner join editions
        on
            entries.list_id = editions.list_id
            and entries.list_date = editions.valid_from_date

),

blocks as (

    select
        *,
        case
            when address is not null and stated_prefix_length between 0 and 32
                then stated_prefix_length
        end as prefix_length

    from dated

),

final as (

    select
        {{ surrogate_key(["list_id", "valid_from_date", "entry"]) }}
            as reputation_key,
        list_id,
        entry_type,
        entry,
        category_code,
        score,
        -- Some lists write a host inside the block: count from its start.
        address - address % {{ ipv4_block_size("prefix_length") }}
            as range_start,
        address - address % {{ ipv4_block_size("prefix_length") }}
        + {{ ipv4_block_size("prefix_length") }} - 1 as range_end,
        prefix_length,
        valid_from_date,
        valid_to_date

    from blocks

)

select * from final

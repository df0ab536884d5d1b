{{
    config(
        materialized="incremental",
        incremental_strategy="replace_changed",
        unique_key="policy_version_key",
        on_schema_change="fail",
    )
}}

with

policies as (

    select * from {{ ref("policies") }}

),

versions as (

    select
        *,
        lead(valid_from_at) over (
            partition by policy_code
            order by valid_from_at
        ) as next_from_at

    from policies

),

final as (

    select
        {{ surrogate_key(["policy_code", "policy_version"]) }}
            as policy_version_key,
        policy_code,
        policy_version,
        policy_name,
        abuse_type_code,
        severity_level,
        severity_weight,
        half_life_days,
        atlas_technique_id,
        policy_text,
        valid_from_at,
        coalesce(next_from_at, timestamp '9999-12-31') as valid_to_at,
        next_from_at is null as is_current

    from versions

)

select * from final

with

versions as (

    select * from {{ ref("base_review_labels") }}

),

ranked as (

    select
        *,
        {{ version_rank() }} as version_rank

    from versions

),

final as (

    select
        record_key,
        label_id,
        actor_id,
        item_id,
        reviewer_id,
        source_id,

        policy_code,
        label_code,
        stream_code,
        row_hash,

        inclusion_probability,

        labelled_date,

        labelled_at,
        version_at,
        ingested_at

    from ranked

    where version_rank = 1

)

select * from final

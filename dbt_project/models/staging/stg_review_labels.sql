with

versions as (

    select * from {{ ref("base_review_labels") }}

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

    from versions

    qualify {{ is_newest_version() }}

)

select * from final

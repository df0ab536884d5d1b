with

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

        cast(labelled_at as date) as labelled_date,

        labelled_at,
        version_at,
        ingested_at

    from {{ source("raw", "review_labels") }}

)

select * from final

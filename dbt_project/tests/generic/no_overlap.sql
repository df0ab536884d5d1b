{# Versions of one key that overlap or end before they begin. #}
{% test no_overlap(model, key, valid_from, valid_to) %}

with

versions as (

    select
        {{ key }},
        {{ valid_from }},
        {{ valid_to }},
        lead({{ valid_from }}) over (
            partition by {{ key }}
            order by {{ valid_from }}
        ) as next_from

    from {{ model }}

)

select *

from versions

where {{ valid_to }} <= {{ valid_from }} or {{ valid_to }} > next_from

{% endtest %}

{# An IPv4 address as a number; null for anything else (also IPv6). #}
{% macro ipv4_number(address) -%}
    {{ return(adapter.dispatch("ipv4_number", "gatehouse")(address)) }}
{%- endmacro %}

{% macro default__ipv4_number(address) -%}
    case
        when
            regexp_full_match(
                {{ address }},
                '((25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(25[0-5]|2[0-4]\d|1?\d?\d)'
            )
            then {{ sum_of_octets(address) }}
    end
{%- endmacro %}

{# How many addresses an IPv4 block of a prefix length holds. #}
{% macro ipv4_block_size(prefix_length) -%}
    {{ return(adapter.dispatch("ipv4_block_size", "gatehouse")(prefix_length)) }}
{%- endmacro %}

{% macro default__ipv4_block_size(prefix_length) -%}
    (cast(1 as bigint) << (32 - {{ prefix_length }}))
{%- endmacro %}

{% macro spark__ipv4_number(address) -%}
    case
        when
            {{ address }}
            rlike r'^((25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(25[0-5]|2[0-4]\d|1?\d?\d)\z'
            then {{ sum_of_octets(address) }}
    end
{%- endmacro %}

{% macro spark__ipv4_block_size(prefix_length) -%}
    shiftleft(cast(1 as bigint), 32 - {{ prefix_length }})
{%- endmacro %}

{% macro sum_of_octets(address) -%}
    cast(split_part({{ address }}, '.', 1) as bigint) * 16777216
    + cast(split_part({{ address }}, '.', 2) as bigint) * 65536
    + cast(split_part({{ address }}, '.', 3) as bigint) * 256
    + cast(split_part({{ address }}, '.', 4) as bigint)
{%- endmacro %}

{# What near-copies of one text share: its letters, lower case, to a length. Null where too little
   is left to tell templates apart. #}
{% macro template_hash(body) -%}
    {{ return(adapter.dispatch("template_hash", "gatehouse")(body)) }}
{%- endmacro %}

{% macro default__template_hash(body) -%}
    case
        when length({{ body }}) >= 80
            then md5(left(
                regexp_replace(lower({{ body }}), '[^a-z]+', ' ', 'g'), 160
            ))
    end
{%- endmacro %}

{% macro spark__template_hash(body) -%}
    case
        when length({{ body }}) >= 80
            then md5(left(regexp_replace(lower({{ body }}), '[^a-z]+', ' '), 160))
    end
{%- endmacro %}

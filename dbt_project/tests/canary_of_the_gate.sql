-- Fails wherever the gate looks: a gate for which it passes is dead. Elsewhere
-- (gatehouse dbt test) it says nothing.
select planted.row_number

from (values (1), (2), (3)) as planted (row_number)

where '{{ target.name }}' in ('pinned', 'pinned_iceberg')

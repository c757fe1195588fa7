"""How operations and dependencies are read, from few enough of the newest spans to be quick on any number of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import asyncpg

from llmflow_store.statements import unix_us
from llmflow_store.topology import Dependency, Operation
from llmflow_store.values import label

_OPERATIONS = """
WITH newest AS MATERIALIZED (
    SELECT trace_id,
        'epoch'::timestamptz + start_time_ns / 1000 * interval '1 microsecond' AS first_time,
        'epoch'::timestamptz + end_time_ns / 1000 * interval '1 microsecond' AS last_time
    FROM traces
    WHERE project = $1 AND start_time_ns >= $3 AND ($2 = '' OR services @> ARRAY[$2::text])
    ORDER BY start_time_ns DESC
    LIMIT 500
)
SELECT DISTINCT s.name, s.kind
FROM newest AS n
CROSS JOIN LATERAL (
    SELECT name, kind FROM spans
    WHERE project = $1 AND trace_id = n.trace_id AND start_time BETWEEN n.first_time AND n.last_time AND service = $2
    LIMIT 1000
) AS s
ORDER BY s.name, s.kind
LIMIT 1000
"""

# A child seldom starts more than a day after its parent.
_DEPENDENCIES = """
WITH newest AS MATERIALIZED (
    SELECT trace_id, parent_span_id, service FROM spans
    WHERE project = $1 AND start_time >= $2 AND start_time < $3 AND parent_span_id IS NOT NULL
    ORDER BY start_time DESC
    LIMIT 20000
)
SELECT p.service AS parent, c.service AS child, count(*) AS calls
FROM newest AS c
JOIN spans AS p ON p.project = $1 AND p.trace_id = c.trace_id AND p.span_id = c.parent_span_id
    AND p.start_time >= $2::timestamptz - interval '1 day' AND p.start_time < $3
WHERE p.service <> c.service
GROUP BY 1, 2
ORDER BY calls DESC, 1, 2
LIMIT 1000
"""


async def operations(
    connection: asyncpg.Connection[Any], project: str, service: str, from_time: datetime
) -> Sequence[Operation]:
    """See `Topology.operations`."""
    rows = await connection.fetch(_OPERATIONS, label(project), label(service), unix_us(from_time) * 1000)
    return [Operation(row["name"], row["kind"]) for row in rows]


async def dependencies(
    connection: asyncpg.Connection[Any], project: str, from_time: datetime, to_time: datetime
) -> Sequence[Dependency]:
    """See `Topology.dependencies`."""
    rows = await connection.fetch(_DEPENDENCIES, label(project), unix_us(from_time), unix_us(to_time))
    return [Dependency(**row) for row in rows]

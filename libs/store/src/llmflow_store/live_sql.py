"""What was written since a position, and how those who watch hear of it.

They are notified after the commit: a notification within the transaction would make all commits wait for each other
while their log is flushed. One that is lost delays, and loses nothing, since the changes themselves are in a table.
"""

from __future__ import annotations

import asyncio
import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import asyncpg

from llmflow_core.errors import Rejected, Retryable
from llmflow_core.filters import Filter
from llmflow_core.spans import Span
from llmflow_store.filter_sql import Arguments, trace_condition
from llmflow_store.live import Changes
from llmflow_store.port import TraceSummary
from llmflow_store.reads import SUMMARIES, summaries_of
from llmflow_store.values import label

CHANNEL = "llmflow_writes"
#: Positions older than this are too old; changes are kept half as long again, for transactions that take their time.
_REMEMBERED_SECONDS = 600
#: More traces than this are not named one by one.
_MOST_TRACES = 20_000
#: PostgreSQL refuses notifications of 8000 bytes and more.
_MOST_PAYLOAD_BYTES = 7000

_NOTE = f"""
WITH forgotten AS (
    DELETE FROM trace_changes WHERE ctid = ANY (ARRAY(
        SELECT oldest.ctid FROM (SELECT ctid, written_at FROM trace_changes ORDER BY written_by LIMIT 50) AS oldest
        JOIN trace_changes AS c ON c.ctid = oldest.ctid
        WHERE oldest.written_at < now() - interval '{_REMEMBERED_SECONDS * 3 // 2} seconds' FOR UPDATE OF c SKIP LOCKED
    ))
)
INSERT INTO trace_changes (project, trace_ids)
SELECT project, array_agg(DISTINCT trace_id) FROM unnest($1::text[], $2::bytea[]) AS w (project, trace_id)
GROUP BY project
"""  # noqa: S608 - the number is a constant
_POSITION = "floor(extract(epoch FROM now()))::bigint || '.' || pg_current_snapshot()::text"
_CHANGES = f"""
SELECT {_POSITION} AS position,
    now() > to_timestamp($2) + interval '{_REMEMBERED_SECONDS} seconds'
        OR pg_snapshot_xmax($1::text::pg_snapshot) > pg_snapshot_xmax(pg_current_snapshot()) AS unknown,
    c.project, c.trace_ids
FROM (SELECT) AS always LEFT JOIN trace_changes AS c
    ON c.written_by >= pg_snapshot_xmin($1::text::pg_snapshot)
    AND NOT pg_visible_in_snapshot(c.written_by, $1::text::pg_snapshot)
    AND ($3::text IS NULL OR c.project = $3)
"""  # noqa: S608
_TEXT = re.compile(r"(\d{1,11})\.(\d{1,19}:\d{1,19}:(?:\d{1,19}(?:,\d{1,19})*)?)")


async def note_changes(connection: asyncpg.Connection[Any], spans: Sequence[Span]) -> None:
    """Write down which traces these new spans belong to, within the open transaction."""
    traces = {(span.project, span.trace_id) for span in spans}
    await connection.execute(_NOTE, *(list(column) for column in zip(*traces, strict=True)))


async def notify(connection: asyncpg.Connection[Any], projects: Sequence[str]) -> None:
    """Tell those who watch that there is something new, outside of any transaction."""
    payload = "\n".join(projects)
    short = len(payload.encode()) <= _MOST_PAYLOAD_BYTES
    await connection.execute("SELECT pg_notify($1, $2)", CHANNEL, payload if short else "")


async def watch_writes(connection: asyncpg.Connection[Any], heard: Callable[[Sequence[str]], None]) -> None:
    """See `Live.watch_writes`; on a connection that does nothing else."""
    lost = asyncio.Event()
    connection.add_termination_listener(lambda _: lost.set())
    await connection.add_listener(CHANNEL, lambda *event: heard(str(event[3]).split("\n") if event[3] else []))
    await lost.wait()
    raise Retryable("the connection that listens for writes was lost")


async def live_position(connection: asyncpg.Connection[Any]) -> str:
    """See `Live.live_position`."""
    return str(await connection.fetchval(f"SELECT {_POSITION}"))


async def changes_since(connection: asyncpg.Connection[Any], position: str, project: str | None) -> Changes:
    """See `Live.changes_since`."""
    match = _TEXT.fullmatch(position)
    if match is None:
        raise _no_position()
    try:
        rows = await connection.fetch(_CHANGES, match[2], float(match[1]), None if project is None else label(project))
    except asyncpg.DataError:
        raise _no_position() from None
    traces: defaultdict[str, set[bytes]] = defaultdict(set)
    for row in rows:
        if row["project"] is not None:
            traces[row["project"]].update(row["trace_ids"])
    now = rows[0]["position"]
    if rows[0]["unknown"] or sum(map(len, traces.values())) > _MOST_TRACES:
        return Changes(now, {}, complete=False)
    return Changes(now, {name: sorted(ids) for name, ids in traces.items()}, complete=True)


async def changed_traces(
    connection: asyncpg.Connection[Any], project: str, trace_ids: Sequence[bytes], parsed: Filter | None
) -> Sequence[TraceSummary]:
    """See `Live.changed_traces`."""
    arguments = Arguments(label(project), list(trace_ids))
    condition = trace_condition(parsed, arguments) if parsed is not None else "true"
    rows = await connection.fetch(
        f"{SUMMARIES} WHERE project = $1 AND trace_id = ANY($2) AND {condition}"
        " ORDER BY start_time_ns DESC, trace_id DESC",
        *arguments.values,
    )
    return await summaries_of(connection, rows)


def _no_position() -> Rejected:
    return Rejected("not the id of an event of this stream", field="Last-Event-ID")

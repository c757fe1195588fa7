"""How sessions are read: by walking the traces newest first until the page is full, never by grouping them all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import asyncpg

from llmflow_store.filter_sql import Arguments, trace_condition
from llmflow_store.port import TraceCursor
from llmflow_store.reads import SUMMARIES, summaries_of
from llmflow_store.search import Candidates
from llmflow_store.sessions import Session, SessionPage, SessionQuery, SessionTotals, SessionTraces
from llmflow_store.statements import unix_us
from llmflow_store.values import label

_MOST_USERS = 10
_DAY_NS = 86_400 * 10**9

#: The newest trace of each session that is in the range and fulfils the filter; each of the others costs a look into an
#: index. Both conditions are the same, over traces AS t.
_NEWEST = """
SELECT n.session_id, n.start_time_ns, n.trace_id
FROM (SELECT t.* FROM traces AS t WHERE t.project = $1 AND t.session_id IS NOT NULL AND {conditions}) AS n
WHERE {after} AND NOT EXISTS (
    SELECT FROM traces AS t
    WHERE t.project = $1 AND t.session_id = n.session_id AND {conditions}
        AND (t.start_time_ns, t.trace_id) > (n.start_time_ns, n.trace_id)
)
ORDER BY n.start_time_ns DESC, n.trace_id DESC LIMIT {limit}
"""
_TOTALS = f"""
SELECT session_id, min(start_time_ns) AS first_time_ns, max(end_time_ns) AS last_time_ns, count(*) AS trace_count,
    sum(span_count)::bigint AS span_count, sum(error_count)::bigint AS error_count,
    sum(generation_count)::bigint AS generation_count, sum(input_tokens)::bigint AS input_tokens,
    sum(output_tokens)::bigint AS output_tokens, sum(cost) AS cost, sum(unpriced_count)::bigint AS unpriced_count,
    coalesce((array_agg(DISTINCT user_id) FILTER (WHERE user_id IS NOT NULL))[1:{_MOST_USERS}], '{{{{}}}}') AS user_ids,
    text_union(models) AS models
FROM traces AS n WHERE n.project = $1 AND n.session_id = ANY($2) AND {{range}} GROUP BY session_id
"""  # noqa: S608
_TRACES = f"""
{SUMMARIES} WHERE project = $1 AND session_id = $2 AND (start_time_ns, trace_id) > ($3, $4)
ORDER BY start_time_ns, trace_id LIMIT $5
"""
# Tools log while the session lasts; the range keeps the chunks few.
_CODING_TOOLS = """
SELECT session_id, array_agg(DISTINCT coding_tool) AS tools FROM logs
WHERE project = $1 AND session_id = ANY($2) AND coding_tool IS NOT NULL AND time BETWEEN $3 AND $4
GROUP BY session_id
"""


async def list_sessions(connection: asyncpg.Connection[Any], query: SessionQuery) -> SessionPage:
    """See `Sessions.list_sessions`. Keyset pagination over the newest trace's (start_time_ns, trace_id), descending."""
    project = label(query.project)
    arguments = Arguments(project)
    conditions = _range(query, "t", arguments)
    if query.filter is not None:
        found = await Candidates(connection, project).since(query.from_time, query.filter)
        if found is not None:
            conditions += f" AND t.trace_id = ANY({arguments.add(found, 'bytea[]')})"
        conditions += f" AND {trace_condition(query.filter, arguments)}"
    after = "true"
    if query.after:
        places = ", ".join(map(arguments.add, (query.after.start_time_ns, query.after.trace_id)))
        after = f"(n.start_time_ns, n.trace_id) < ({places})"
    statement = _NEWEST.format(conditions=conditions, after=after, limit=int(query.limit) + 1)
    rows = await connection.fetch(statement, *arguments.values)
    page = rows[: query.limit]
    following = TraceCursor(page[-1]["start_time_ns"], page[-1]["trace_id"]) if len(rows) > len(page) > 0 else None
    return SessionPage(await _sessions(connection, query, page), following)


async def get_session(
    connection: asyncpg.Connection[Any], project: str, session_id: str, limit: int, after: TraceCursor | None
) -> SessionTraces | None:
    """See `Sessions.get_session`."""
    project, session_id = label(project), label(session_id)
    totals = await _totals(connection, SessionQuery(project=project), [session_id])
    if not totals:
        return None
    position = (after.start_time_ns, after.trace_id) if after else (-1, b"")
    rows = await connection.fetch(_TRACES, project, session_id, *position, limit + 1)
    traces = await summaries_of(connection, rows[:limit])
    following = TraceCursor(traces[-1].start_time_ns, traces[-1].trace_id) if len(rows) > len(traces) > 0 else None
    return SessionTraces(totals[session_id], traces, following)


async def _sessions(
    connection: asyncpg.Connection[Any], query: SessionQuery, rows: Sequence[asyncpg.Record]
) -> list[Session]:
    if not rows:
        return []
    project, ids = label(query.project), [row["session_id"] for row in rows]
    totals = await _totals(connection, query, ids)
    newest = await connection.fetch(
        f"{SUMMARIES} WHERE project = $1 AND trace_id = ANY($2)", project, [row["trace_id"] for row in rows]
    )
    by_session = {summary.session_id: summary for summary in await summaries_of(connection, newest)}
    first = min(found.first_time_ns for found in totals.values()) - _DAY_NS
    last = max(found.last_time_ns for found in totals.values()) + _DAY_NS
    tools = await connection.fetch(_CODING_TOOLS, project, ids, first // 1000, last // 1000)
    by_tool = {row["session_id"]: row["tools"] for row in tools}
    # Between the statements a session may have been deleted, or its newest trace have got another, lesser session id.
    there = [name for name in ids if name in totals and name in by_session]
    return [Session(totals[name], by_session[name], by_tool.get(name, ())) for name in there]


async def _totals(
    connection: asyncpg.Connection[Any], query: SessionQuery, ids: Sequence[str]
) -> dict[str, SessionTotals]:
    arguments = Arguments(label(query.project), list(ids))
    statement = _TOTALS.format(range=_range(query, "n", arguments))
    rows = await connection.fetch(statement, *arguments.values)
    names = [field.name for field in fields(SessionTotals)]
    return {row["session_id"]: SessionTotals(**{name: row[name] for name in names}) for row in rows}


def _range(query: SessionQuery, alias: str, arguments: Arguments) -> str:
    conditions = ["true"]
    if query.from_time:
        conditions.append(f"{alias}.start_time_ns >= {arguments.add(unix_us(query.from_time) * 1000)}")
    if query.to_time:
        conditions.append(f"{alias}.start_time_ns < {arguments.add(unix_us(query.to_time) * 1000)}")
    return " AND ".join(conditions)

"""How the usage of AI command-line tools is read from the log events and metrics that they sent."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from decimal import Decimal
from operator import attrgetter
from typing import Any

import asyncpg

from llmflow_core.coding_tools import TOOLS, CodingTool, Decision, EventKind, MetricPart
from llmflow_store import metric_sql
from llmflow_store.metric_sql import MetricTotal
from llmflow_store.signals import (
    CodingSession,
    CodingSessionCursor,
    CodingSessionPage,
    CodingSessionQuery,
    CodingToolSummary,
    CodingUsage,
    CodingWork,
)
from llmflow_store.statements import Conditions

_REQUEST = f"coding_kind = '{EventKind.REQUEST}'"
_TOOL_RESULT = f"coding_kind = '{EventKind.TOOL_RESULT}'"
_COUNTS = {
    "prompts": f"coding_kind = '{EventKind.PROMPT}'",
    "requests": _REQUEST,
    "errors": f"coding_kind = '{EventKind.ERROR}'",
    "unpriced_count": f"{_REQUEST} AND cost IS NULL",
    "tool_calls": _TOOL_RESULT,
    "failed_tool_calls": f"{_TOOL_RESULT} AND success IS FALSE",
    "accepted": f"decision = '{Decision.ACCEPT}'",
    "rejected": f"decision = '{Decision.REJECT}'",
}
_TOKENS = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "reasoning_tokens")
_USAGE = ", ".join(
    [f"count(*) FILTER (WHERE {condition}) AS {name}" for name, condition in _COUNTS.items()]
    + [f"coalesce(sum({name}) FILTER (WHERE {_REQUEST}), 0)::bigint AS {name}" for name in _TOKENS]
    + [f"sum(cost) FILTER (WHERE {_REQUEST}) AS cost"]
)

_PARTS = [part for tool in TOOLS for parts in tool.metrics.values() for part in parts]
_METRICS = sorted({part.name for part in _PARTS})
_LABELS = sorted({name for part in _PARTS for name in part.attributes})
_WORK: Mapping[str, Callable[[float], Any]] = {
    "lines_added": round,
    "lines_removed": round,
    "commits": round,
    "pull_requests": round,
    "active_seconds": float,
}
#: Of a US dollar, so that a sum of floating-point numbers shows no noise.
_COST_DIGITS = 9

_TOOLS = """
SELECT coding_tool AS tool, count(DISTINCT session_id) AS sessions, count(DISTINCT user_id) AS users,
    max(time) AS last_time, {usage}
FROM logs WHERE {where} GROUP BY coding_tool ORDER BY coding_tool
"""
_SESSIONS = """
SELECT s.*, t.trace_count, t.span_cost
FROM (
    SELECT coding_tool AS tool, session_id, min(user_id) AS user_id, min(time) AS first_time, max(time) AS last_time,
        coalesce(array_agg(DISTINCT model ORDER BY model) FILTER (WHERE model IS NOT NULL), '{{}}') AS models, {usage}
    FROM logs WHERE {where} GROUP BY coding_tool, session_id
    HAVING {after} ORDER BY max(time) DESC, session_id DESC LIMIT {limit}
) AS s
CROSS JOIN LATERAL (
    SELECT count(*) AS trace_count, sum(cost) AS span_cost FROM traces
    WHERE traces.project = $1 AND traces.session_id = s.session_id
) AS t
ORDER BY s.last_time DESC, s.session_id DESC
"""


async def coding_tools(
    connection: asyncpg.Connection[Any], project: str, from_time: datetime | None, to_time: datetime | None
) -> Sequence[CodingToolSummary]:
    """See `Signals.coding_tools`."""
    where = Conditions(project)
    where.add("coding_tool IS NOT NULL")
    where.add_range("time", from_time, to_time)
    rows = await connection.fetch(_TOOLS.format(usage=_USAGE, where=where), *where.arguments)
    measured = await metric_sql.totals(connection, project, _METRICS, _LABELS, from_time, to_time)
    by_events = {row["tool"]: row for row in rows}
    found = [_summary(tool, by_events.get(tool.name), measured) for tool in TOOLS]
    return sorted(filter(None, found), key=attrgetter("tool"))


async def coding_sessions(connection: asyncpg.Connection[Any], query: CodingSessionQuery) -> CodingSessionPage:
    """See `Signals.coding_sessions`. Keyset pagination over (time of the newest event, session id), both descending."""
    where = Conditions(query.project)
    where.add("coding_tool IS NOT NULL AND session_id IS NOT NULL")
    where.add_range("time", query.from_time, query.to_time)
    where.add_equal("coding_tool", query.tool)
    where.add_equal("user_id", query.user_id)
    where.add_equal("session_id", query.session_id)
    after = "true"
    if query.after:
        where.arguments += [query.after.last_time_ns // 1000, query.after.session_id]
        after = f"(max(time), session_id) < (${len(where.arguments) - 1}, ${len(where.arguments)})"
    statement = _SESSIONS.format(usage=_USAGE, where=where, after=after, limit=int(query.limit) + 1)
    rows = await connection.fetch(statement, *where.arguments)
    sessions = [_session(row) for row in rows[: query.limit]]
    following = (
        CodingSessionCursor(sessions[-1].last_time_ns, sessions[-1].session_id)
        if len(rows) > len(sessions) > 0
        else None
    )
    return CodingSessionPage(sessions=sessions, next=following)


def _summary(tool: CodingTool, row: asyncpg.Record | None, measured: Sequence[MetricTotal]) -> CodingToolSummary | None:
    """What a tool's events say, else its metrics; None when it sent neither. Its work is only in metrics."""
    own = [total for total in measured if total.name.startswith(tool.prefix)]
    if row is None and not own:
        return None
    figures = {figure: _added(parts, own) for figure, parts in tool.metrics.items()}
    work = {name: None if (value := figures.get(name)) is None else kind(value) for name, kind in _WORK.items()}
    if row is not None:
        return CodingToolSummary(
            tool=tool.name,
            source="events",
            sessions=row["sessions"],
            users=row["users"],
            last_time_ns=row["last_time"] * 1000,
            usage=_usage(row),
            work=CodingWork(**work),
        )
    counts = {field.name: round(figures.get(field.name) or 0) for field in fields(CodingUsage) if field.name != "cost"}
    cost = figures.get("cost")
    sessions = frozenset[str]().union(*(total.sessions for total in own))
    return CodingToolSummary(
        tool=tool.name,
        source="metrics",
        sessions=max(len(sessions), round(figures.get("sessions") or 0)),
        users=len(frozenset[str]().union(*(total.users for total in own))),
        last_time_ns=max(total.last_time for total in own) * 1000,
        usage=CodingUsage(
            **counts | {"unpriced_count": counts["requests"] if cost is None else 0},
            cost=None if cost is None else round(Decimal(repr(cost)), _COST_DIGITS),
        ),
        work=CodingWork(**work),
    )


def _added(parts: Sequence[MetricPart], measured: Sequence[MetricTotal]) -> float | None:
    """What these parts of metrics come to; None when there are no points of them."""
    found = [
        total.total
        for part in parts
        for total in measured
        if total.name == part.name and part.attributes.items() <= total.labels.items()
    ]
    return sum(found) if found else None


def _session(row: asyncpg.Record) -> CodingSession:
    return CodingSession(
        tool=row["tool"],
        session_id=row["session_id"],
        user_id=row["user_id"],
        models=row["models"],
        first_time_ns=row["first_time"] * 1000,
        last_time_ns=row["last_time"] * 1000,
        usage=_usage(row),
        trace_count=row["trace_count"],
        span_cost=row["span_cost"],
    )


def _usage(row: asyncpg.Record) -> CodingUsage:
    return CodingUsage(**{field.name: row[field.name] for field in fields(CodingUsage)})

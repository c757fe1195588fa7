"""How log records are stored and read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import asyncpg

from llmflow_core.coding_tools import CodingEvent, Decision, EventKind
from llmflow_core.errors import Permanent
from llmflow_core.ids import SPAN_ID_BYTES, TRACE_ID_BYTES
from llmflow_core.logs import LOG_ID_BYTES, LogKey, LogRecord
from llmflow_store import values
from llmflow_store.results import WriteResult
from llmflow_store.signals import LogCursor, LogPage, LogQuery
from llmflow_store.statements import Conditions, insert_new, lock_projects
from llmflow_store.values import BIGINT_MAX, MOST_TOKENS

_KEY_COLUMNS = ("project", "time", "time_nanos", "id")
#: In the database as they are in the record.
_SAME_AS_FIELD = (
    "observed_time_ns",
    "severity_number",
    "severity_text",
    "event_name",
    "body",
    "service",
    "scope",
    "scope_version",
    "scope_attributes",
    "attributes",
    "resource_attributes",
    "dropped_attributes_count",
    "trace_id",
    "span_id",
    "flags",
    "session_id",
    "user_id",
)
#: The columns of a coding event by its fields; session and user are the record's.
_CODING = {
    "tool": "coding_tool",
    "kind": "coding_kind",
    **{
        field.name: field.name
        for field in fields(CodingEvent)
        if field.name not in ("tool", "kind", "session_id", "user_id")
    },
}
_COLUMNS = (*_KEY_COLUMNS, *_SAME_AS_FIELD, *_CODING.values())
_SELECT = f"SELECT {', '.join(_COLUMNS)} FROM logs"  # noqa: S608
_SMALLINT_MAX = 2**15 - 1
_UNSIGNED_32_MAX = 2**32 - 1


async def write_logs(connection: asyncpg.Connection[Any], logs: Sequence[LogRecord]) -> WriteResult:
    """See `Signals.write_logs`; within the open transaction. Of records with equal keys the first counts."""
    by_key: dict[LogKey, LogRecord] = {}
    for record in logs:
        by_key.setdefault(record.key, record)
    rows = [_row(by_key[key]) for key in sorted(by_key)]
    await lock_projects(connection, {record.project for record in logs})
    inserted = await insert_new(connection, "logs", _COLUMNS, rows)
    return WriteResult(inserted=inserted, duplicates=len(logs) - inserted)


async def list_logs(connection: asyncpg.Connection[Any], query: LogQuery) -> LogPage:
    """See `Signals.list_logs`. Keyset pagination over (time, time_nanos, id), all descending."""
    where = Conditions(query.project)
    if query.after:
        time, nanos = divmod(query.after.time_ns, 1000)
        where.add("(time, time_nanos, id) < ({}, {}, {})", time, nanos, query.after.id)
    where.add_range("time", query.from_time, query.to_time)
    where.add_equal("service", query.service)
    where.add_equal("event_name", query.event_name)
    where.add_equal("coding_tool", query.coding_tool)
    where.add_equal("session_id", query.session_id)
    if query.min_severity is not None:
        where.add("severity_number >= {}", query.min_severity)
    if query.trace_id is not None:
        where.add("trace_id = {}", query.trace_id)
    if query.text is not None:
        # The values as text: in JSON's own they would have escapes.
        where.add(
            "(body #>> '{{}}' ILIKE {0} OR EXISTS"
            " (SELECT FROM jsonb_each_text(attributes) AS a (k, v) WHERE a.v ILIKE {0}))",
            f"%{_literal(values.text(query.text))}%",
        )
    rows = await connection.fetch(
        f"{_SELECT} WHERE {where} ORDER BY time DESC, time_nanos DESC, id DESC LIMIT {int(query.limit) + 1}",
        *where.arguments,
    )
    logs = [_record(row) for row in rows[: query.limit]]
    following = LogCursor(logs[-1].time_ns, logs[-1].id) if len(rows) > len(logs) > 0 else None
    return LogPage(logs=logs, next=following)


def _literal(text: str) -> str:
    """`text` as a pattern that matches only itself."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _row(record: LogRecord) -> tuple[Any, ...]:
    """The values of _COLUMNS. Raises Permanent for a record whose key no row can hold, or whose JSON is none."""
    _check(record)
    return (
        record.project,
        record.time_ns // 1000,
        record.time_ns % 1000,
        record.id,
        values.within(record.observed_time_ns, BIGINT_MAX),
        values.within(record.severity_number, _SMALLINT_MAX) or 0,
        values.text(record.severity_text),
        values.label(record.event_name),
        values.json(record.body),
        values.label(record.service),
        values.text(record.scope),
        values.text(record.scope_version),
        values.json(record.scope_attributes),
        values.json(record.attributes),
        values.json(record.resource_attributes),
        values.within(record.dropped_attributes_count, _UNSIGNED_32_MAX) or 0,
        record.trace_id,
        record.span_id,
        values.within(record.flags, _UNSIGNED_32_MAX) or 0,
        values.label_or_none(record.session_id),
        values.label_or_none(record.user_id),
        *(_NO_CODING if record.coding is None else _coding_row(record.coding)),
    )


_NO_CODING = (None,) * len(_CODING)


def _coding_row(event: CodingEvent) -> tuple[Any, ...]:
    return (
        event.tool,
        event.kind,
        values.label_or_none(event.organization_id),
        values.label_or_none(event.provider),
        values.label_or_none(event.model),
        values.within(event.input_tokens, MOST_TOKENS),
        values.within(event.output_tokens, MOST_TOKENS),
        values.within(event.cache_read_tokens, MOST_TOKENS),
        values.within(event.cache_write_tokens, MOST_TOKENS),
        values.within(event.reasoning_tokens, MOST_TOKENS),
        values.cost(event.cost),
        values.within(event.duration_ns, BIGINT_MAX),
        values.text_or_none(event.tool_name),
        event.decision,
        values.text_or_none(event.decision_source),
        event.success,
        values.text_or_none(event.error),
    )


def _check(record: LogRecord) -> None:
    values.check_project(record.project)
    values.check_time(record.time_ns, "time_ns")
    if len(record.id) != LOG_ID_BYTES:
        raise Permanent(f"id must be {LOG_ID_BYTES} bytes")
    for value, size in ((record.trace_id, TRACE_ID_BYTES), (record.span_id, SPAN_ID_BYTES)):
        if value is not None and len(value) != size:
            raise Permanent(f"trace_id and span_id must be {TRACE_ID_BYTES} and {SPAN_ID_BYTES} bytes, or None")


def _record(row: asyncpg.Record) -> LogRecord:
    return LogRecord(
        project=row["project"],
        id=row["id"],
        time_ns=row["time"] * 1000 + row["time_nanos"],
        **{name: row[name] for name in _SAME_AS_FIELD},
        coding=_coding_event(row) if row["coding_tool"] is not None else None,
    )


def _coding_event(row: asyncpg.Record) -> CodingEvent:
    found = {name: row[column] for name, column in _CODING.items()}
    found["kind"] = EventKind(found["kind"])
    if found["decision"] is not None:
        found["decision"] = Decision(found["decision"])
    return CodingEvent(session_id=row["session_id"], user_id=row["user_id"], **found)

"""Stored logs, metrics and uses of AI command-line tools as the API's bodies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from datetime import timedelta
from typing import Any

from llmflow_core.coding_tools import CodingEvent
from llmflow_core.logs import LogRecord
from llmflow_core.metrics import MetricType, Temporality
from llmflow_query_api.cursor import encode_position
from llmflow_query_api.present import dollars, moment
from llmflow_query_api.signal_schemas import (
    CodingEventDetail,
    CodingSessionDetail,
    CodingSessionPage,
    CodingToolDetail,
    CodingToolList,
    CodingUsageDetail,
    CodingWorkDetail,
    LogEntry,
    LogPage,
    MetricDetail,
    MetricLine,
    MetricList,
    MetricResult,
    MetricValue,
)
from llmflow_store import signals


def log_page_of(page: signals.LogPage) -> LogPage:
    """A page of records."""
    return LogPage(
        logs=[_log(record) for record in page.logs],
        next_cursor=encode_position(page.next.time_ns, page.next.id) if page.next else None,
    )


def metric_list_of(found: Sequence[signals.MetricInfo]) -> MetricList:
    """The metrics that there are."""
    return MetricList(
        metrics=[
            MetricDetail(
                name=metric.name,
                description=metric.description,
                unit=metric.unit,
                type=MetricType(metric.type),
                temporality=Temporality(metric.temporality),
                series_count=metric.series_count,
                services=list(metric.services),
                attributes=list(metric.attributes),
            )
            for metric in found
        ]
    )


def metric_result_of(interval: timedelta, lines: Sequence[signals.MetricLine], limit: int) -> MetricResult:
    """A metric over time, with `limit` lines at most: those whose values come to the most."""
    largest = sorted(lines, key=lambda line: -sum(abs(value) for _, value in line.points))[:limit]
    told = {line.label for line in largest}
    return MetricResult(
        interval_seconds=round(interval.total_seconds()),
        line_count=len(lines),
        lines=[
            MetricLine(
                label=line.label,
                points=[MetricValue(time=moment(time_ns), value=value) for time_ns, value in line.points],
            )
            for line in lines
            if line.label in told
        ],
    )


def coding_tool_list_of(found: Sequence[signals.CodingToolSummary]) -> CodingToolList:
    """The tools that were used."""
    return CodingToolList(
        tools=[
            CodingToolDetail(
                tool=summary.tool,
                source=summary.source,
                sessions=summary.sessions,
                users=summary.users,
                last_time=moment(summary.last_time_ns),
                usage=_usage(summary.usage),
                work=CodingWorkDetail(**_members(summary.work)),
            )
            for summary in found
        ]
    )


def coding_session_page_of(page: signals.CodingSessionPage) -> CodingSessionPage:
    """A page of sessions."""
    following = encode_position(page.next.last_time_ns, page.next.session_id.encode()) if page.next else None
    return CodingSessionPage(sessions=[coding_session_of(session) for session in page.sessions], next_cursor=following)


def coding_session_of(session: signals.CodingSession) -> CodingSessionDetail:
    """One session of one tool."""
    # Log events and spans may be about the same calls: one of the two counts.
    by_events = session.usage.cost is not None
    cost = session.usage.cost if by_events else session.span_cost
    return CodingSessionDetail(
        tool=session.tool,
        session_id=session.session_id,
        user_id=session.user_id,
        models=list(session.models),
        first_time=moment(session.first_time_ns),
        last_time=moment(session.last_time_ns),
        cost=dollars(cost),
        cost_source=None if cost is None else "events" if by_events else "traces",
        usage=_usage(session.usage),
        trace_count=session.trace_count,
        trace_cost=dollars(session.span_cost),
    )


def _usage(usage: signals.CodingUsage) -> CodingUsageDetail:
    return CodingUsageDetail(**(_members(usage) | {"cost": dollars(usage.cost)}))


def _log(record: LogRecord) -> LogEntry:
    return LogEntry(
        id=record.id.hex(),
        time=moment(record.time_ns),
        observed_time=None if record.observed_time_ns is None else moment(record.observed_time_ns),
        severity_number=record.severity_number,
        severity_text=record.severity_text,
        event_name=record.event_name,
        body=record.body,
        service=record.service,
        scope=record.scope,
        scope_version=record.scope_version,
        attributes=record.attributes,
        resource_attributes=record.resource_attributes,
        trace_id=record.trace_id.hex() if record.trace_id else None,
        span_id=record.span_id.hex() if record.span_id else None,
        session_id=record.session_id,
        user_id=record.user_id,
        coding=None if record.coding is None else _coding(record.coding),
    )


def _coding(event: CodingEvent) -> CodingEventDetail:
    members = _members(event) | {"cost": dollars(event.cost)}
    # The session and the user are the record's.
    return CodingEventDetail(**{name: members[name] for name in CodingEventDetail.__struct_fields__})


def _members(holder: Any) -> dict[str, Any]:
    return {field.name: getattr(holder, field.name) for field in fields(holder)}

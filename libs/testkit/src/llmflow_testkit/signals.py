"""Log records and metric points for tests, with every field that matters set by keyword."""

from __future__ import annotations

import os
from decimal import Decimal
from typing import Any

from llmflow_core.coding_tools import CodingEvent, EventKind
from llmflow_core.logs import LogRecord
from llmflow_core.metrics import MetricPoint, MetricSeries, MetricType, Temporality
from llmflow_testkit.spans import NOON_NS


def make_log(**fields: Any) -> LogRecord:
    """A record at NOON_NS with an id of its own; `fields` say what is different."""
    defaults: dict[str, Any] = {"id": os.urandom(16), "time_ns": NOON_NS, "body": "hello", "service": "web"}
    return LogRecord(**{**defaults, **fields})


def make_coding_log(kind: EventKind, *, tool: str = "claude_code", **fields: Any) -> LogRecord:
    """A record of an AI command-line tool in the session `s-1` of `ada`; `fields` are the record's or the event's."""
    names = set(LogRecord.__slots__)
    record = {name: value for name, value in fields.items() if name in names}
    record = {"session_id": "s-1", "user_id": "ada", "event_name": f"{tool}.event", **record}
    event = {name: value for name, value in fields.items() if name not in names}
    if kind is EventKind.REQUEST:
        defaults = {"model": "claude-sonnet-4-5", "input_tokens": 1000, "output_tokens": 50, "cost": Decimal("0.01")}
        event = {**defaults, **event}
    ids = {name: record[name] for name in ("session_id", "user_id")}
    return make_log(**record, coding=CodingEvent(tool=tool, kind=kind, **ids, **event))


def make_point(value: float | None = None, *, at: float = 0.0, **fields: Any) -> MetricPoint:
    """A point of the delta counter `tokens`, `at` seconds after NOON_NS; `fields` are the point's or its series'."""
    names = set(MetricPoint.__slots__)
    series = {name: given for name, given in fields.items() if name not in names}
    defaults = {"name": "tokens", "type": MetricType.SUM, "temporality": Temporality.DELTA, "monotonic": True}
    return MetricPoint(
        series=MetricSeries(**{**defaults, **series}),
        time_ns=NOON_NS + round(at * 1e9),
        value=value,
        **{name: given for name, given in fields.items() if name in names},
    )

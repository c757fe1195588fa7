"""What the writer does with each kind of record: a topic, what its records hold, and where that goes."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from prometheus_client import Counter

from llmflow_bus import Record, dead_letters, topics
from llmflow_core import otlp, otlp_checks
from llmflow_core.coding_tools import EventKind
from llmflow_core.logs import LogRecord, logs_of
from llmflow_core.metrics import MetricPoint, metric_points_of
from llmflow_core.pricing import Prices
from llmflow_core.raw_traces import parse_raw_traces
from llmflow_core.spans import Span
from llmflow_store import Store, WriteResult
from llmflow_store.batches import SpanBatch
from llmflow_writer import metrics

ItemT = TypeVar("ItemT", Span, LogRecord, MetricPoint)


@dataclass(frozen=True)
class Signal(Generic[ItemT]):
    """One kind. `read` gives a record's items for a project, and what is wrong with the rest of it; it raises Rejected
    for a record that is no request of this kind. `write` stores items, `name` says which one is meant, `count` counts
    them by outcome. `prepare` does beforehand what of `write` needs no database; it raises Permanent as that does."""

    topic: str
    read: Callable[[Record, str, Prices], tuple[list[ItemT], list[str]]]
    write: Callable[[Store, Sequence[ItemT]], Awaitable[WriteResult]]
    name: Callable[[ItemT], str]
    count: Counter
    prepare: Callable[[Sequence[ItemT]], Sequence[ItemT]] = lambda items: items


def _read_spans(record: Record, project: str, prices: Prices) -> tuple[list[Span], list[str]]:
    request = parse_raw_traces(record.value)
    problems = otlp_checks.check_traces(request)
    spans = otlp.spans_of(request, project)
    for span in spans:
        prices.price(span)
    return spans, problems


def _read_logs(record: Record, project: str, prices: Prices) -> tuple[list[LogRecord], list[str]]:
    request = otlp.parse_logs(record.value)
    problems = otlp_checks.check_logs(request)
    logs = logs_of(request, project, place=_place(record), received_ns=record.timestamp_ms * 1_000_000)
    for log in logs:
        _price(log, prices)
    return logs, problems


def _place(record: Record) -> bytes:
    """Where in the log the record first lay: a dead letter that was published again says so in its headers."""
    first = (
        record.headers.get(dead_letters.TOPIC_HEADER, record.topic),
        record.headers.get(dead_letters.PARTITION_HEADER, str(record.partition)),
        record.headers.get(dead_letters.OFFSET_HEADER, str(record.offset)),
    )
    # The digest tells records apart that had the same place in another life of the log.
    digest = hashlib.blake2b(record.value, digest_size=16).digest()
    return "/".join(first).encode() + digest


def _price(log: LogRecord, prices: Prices) -> None:
    """Give a call that an AI command-line tool has logged without its cost the one that it would have as a span."""
    event = log.coding
    if event is None or event.kind is not EventKind.REQUEST or event.cost is not None:
        return
    call = Span(
        trace_id=b"",
        span_id=b"",
        name=log.event_name,
        start_time_ns=log.time_ns,
        duration_ns=0,
        provider=event.provider,
        model=event.model,
        input_tokens=event.input_tokens,
        output_tokens=event.output_tokens,
        cache_read_tokens=event.cache_read_tokens,
        cache_write_tokens=event.cache_write_tokens,
        reasoning_tokens=event.reasoning_tokens,
    )
    prices.price(call)
    event.cost = call.cost


def _read_metrics(record: Record, project: str, _: Prices) -> tuple[list[MetricPoint], list[str]]:
    request = otlp.parse_metrics(record.value)
    problems = otlp_checks.check_metrics(request)
    return metric_points_of(request, project), problems


SPANS = Signal[Span](
    topics.SPANS,
    _read_spans,
    lambda store, spans: store.write_spans(spans),
    lambda span: f"span {span.span_id.hex()} of trace {span.trace_id.hex()}",
    metrics.SPANS,
    SpanBatch,
)
LOGS = Signal[LogRecord](
    topics.LOGS,
    _read_logs,
    lambda store, logs: store.write_logs(logs),
    lambda log: f"log record at {log.time_ns}",
    metrics.LOGS,
)
METRICS = Signal[MetricPoint](
    topics.METRICS,
    _read_metrics,
    lambda store, points: store.write_metrics(points),
    lambda point: f"point of {point.series.name} at {point.time_ns}",
    metrics.METRIC_POINTS,
)

#: By topic.
SIGNALS: dict[str, Signal[Any]] = {signal.topic: signal for signal in (SPANS, LOGS, METRICS)}

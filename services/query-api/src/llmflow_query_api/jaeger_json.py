"""Traces as Jaeger's query service writes them in JSON (its `model/json`), for Grafana's data source and the like."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson

from llmflow_core.spans import JSON, Span, SpanKind, Status
from llmflow_store.port import Trace

#: What Jaeger calls the service of spans that name none.
UNKNOWN_SERVICE = "unknown_service"


def answer(data: Sequence[Any]) -> dict[str, Any]:
    """Jaeger's envelope."""
    return {"data": data, "total": len(data), "limit": 0, "offset": 0, "errors": None}


def kind_name(kind: int) -> str:
    """The value of the tag `span.kind`; '' for a kind that is not known."""
    return SpanKind(kind).name.lower() if kind in SpanKind.__members__.values() and kind else ""


def trace_json(trace: Trace) -> dict[str, Any]:
    """One trace with its spans, each of which refers to one of the trace's processes."""
    processes: dict[bytes, tuple[str, dict[str, Any]]] = {}
    spans = []
    for span in trace.spans:
        process = _process(span)
        process_id, _ = processes.setdefault(orjson.dumps(process), (f"p{len(processes) + 1}", process))
        spans.append(_span(span, process_id))
    return {
        "traceID": trace.summary.trace_id.hex(),
        "spans": spans,
        "processes": dict(processes.values()),
        "warnings": None,
    }


def _process(span: Span) -> dict[str, Any]:
    tags = {name: value for name, value in span.resource_attributes.items() if name != "service.name"}
    return {"serviceName": span.service or UNKNOWN_SERVICE, "tags": _tags(tags)}


def _span(span: Span, process_id: str) -> dict[str, Any]:
    return {
        "traceID": span.trace_id.hex(),
        "spanID": span.span_id.hex(),
        "operationName": span.name,
        "references": [*_references(span)],
        "flags": 1,
        "startTime": span.start_time_ns // 1000,
        "duration": span.duration_ns // 1000,
        "tags": _tags({**span.attributes, **_facts(span)}),
        "logs": [_log(event, span.start_time_ns) for event in span.events],
        "processID": process_id,
        "warnings": None,
    }


def _references(span: Span) -> Iterable[dict[str, str]]:
    if span.parent_span_id:
        yield {"refType": "CHILD_OF", "traceID": span.trace_id.hex(), "spanID": span.parent_span_id.hex()}
    for link in span.links:
        yield {
            "refType": "FOLLOWS_FROM",
            "traceID": str(link.get("trace_id", "")),
            "spanID": str(link.get("span_id", "")),
        }


def _facts(span: Span) -> dict[str, JSON]:
    """What OpenTelemetry says of a span beside its attributes, by the names of its mapping to Jaeger, and the cost."""
    facts = {
        "span.kind": kind_name(span.kind),
        "otel.status_code": "" if span.status == Status.UNSET else str(span.status).upper(),
        "otel.status_description": span.status_message,
        "otel.scope.name": span.scope,
        "otel.scope.version": span.scope_version,
        "w3c.tracestate": span.trace_state,
        "error": span.status == Status.ERROR,
        "llmflow.observation_type": str(span.observation_type),
        "llmflow.cost_usd": None if span.cost is None else float(span.cost),
    }
    return {name: value for name, value in facts.items() if value not in ("", None, False)}


def _log(event: Mapping[str, JSON], start_time_ns: int) -> dict[str, Any]:
    fields = {"event": event.get("name", ""), **(event.get("attributes") or {})}
    return {"timestamp": int(event.get("time_unix_nano") or start_time_ns) // 1000, "fields": _tags(fields)}


def _tags(values: Mapping[str, JSON]) -> list[dict[str, Any]]:
    return [_tag(name, value) for name, value in values.items()]


def _tag(name: str, value: JSON) -> dict[str, Any]:
    match value:
        case bool():
            return {"key": name, "type": "bool", "value": value}
        case int():
            return {"key": name, "type": "int64", "value": value}
        case float():
            return {"key": name, "type": "float64", "value": value}
        case str():
            return {"key": name, "type": "string", "value": value}
        case _:
            return {"key": name, "type": "string", "value": orjson.dumps(value).decode()}

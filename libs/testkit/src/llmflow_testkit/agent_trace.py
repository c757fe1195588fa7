"""An agent's trace with all that a page shows: reasoning, tools, Markdown, an image, an event, a link, an error."""

from __future__ import annotations

import json
import time
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from llmflow_core.otlp import key_values

_MS = 10**6
ANSWER = """Two parcels left **yesterday**:

| Parcel | Carrier | Arrives |
|---|---|---|
| A-17 | DHL | Monday |
| A-18 | UPS | Tuesday |

1. Track them with `track A-17`
2. Write to us when one is late

```python
client.track("A-17")
```

<script>alert(1)</script>

![the parcel](https://elsewhere.example/parcel.png)"""
#: A parcel with its ribbon.
_IMAGE = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' width='160' height='90'%3E"
    "%3Crect width='160' height='90' rx='8' fill='%23b98a4a'/%3E"
    "%3Cpath d='M80 0v90M0 45h160' stroke='%23fff' stroke-width='4'/%3E%3C/svg%3E"
)


def agent_trace(trace_id: bytes, *, question: str, linked: bytes) -> ExportTraceServiceRequest:
    """The agent asks a model, calls a tool, which fails once, and answers; `linked` is another trace."""
    start = time.time_ns() - 300 * 10**9
    common = {"user.id": "ada", "session.id": "parcels"}
    call = {"type": "tool_call", "id": "call_1", "name": "find_parcels", "arguments": {"customer": 4711, "days": 2}}
    found = {"parcels": [{"id": "A-17", "carrier": "DHL"}, {"id": "A-18", "carrier": "UPS"}]}
    image = {"type": "uri", "modality": "image", "mime_type": "image/svg+xml", "uri": _IMAGE}
    asked = [
        _said("system", "You are the parcel desk. Be brief.\nNever guess."),
        {"role": "user", "parts": [{"type": "text", "content": question}, image]},
    ]
    first = {"type": "reasoning", "content": "I must look the parcels up before I answer."}
    answered = [{"role": "assistant", "parts": [first, call], "finish_reason": "tool_call"}]
    result = {"role": "tool", "parts": [{"type": "tool_call_response", "id": "call_1", "response": found}]}
    spans = [
        _span(1, 0, "invoke_agent parcel desk", start, 2600, {"gen_ai.operation.name": "invoke_agent", **common}),
        _span(
            2, 1, "chat gpt-4o", start + 20 * _MS, 900, {**_call(asked, answered), "gen_ai.latency.time_in_queue": 0.08}
        ),
        _span(3, 1, "execute_tool find_parcels", start + 940 * _MS, 700, {"gen_ai.operation.name": "execute_tool"}),
        _span(4, 3, "SELECT parcels", start + 950 * _MS, 300, {"db.system": "postgresql"}),
        _span(
            5,
            1,
            "chat gpt-4o",
            start + 1650 * _MS,
            930,
            _call([*asked, *answered, result], [_said("assistant", ANSWER)]),
        ),
    ]
    for span in spans:
        span.trace_id = trace_id
    spans[3].status.CopyFrom(Status(code=Status.STATUS_CODE_ERROR, message="deadlock detected"))
    failure = {
        "exception.type": "DeadlockDetected",
        "exception.message": "deadlock detected",
        "exception.stacktrace": 'Traceback (most recent call last):\n  File "parcels.py", line 31, in find',
    }
    spans[3].events.append(
        Span.Event(name="exception", time_unix_nano=start + 1200 * _MS, attributes=key_values(failure))
    )
    spans[0].links.append(
        Span.Link(trace_id=linked, span_id=(1).to_bytes(8), attributes=key_values({"why": "retry of"}))
    )
    request = ExportTraceServiceRequest()
    resource = request.resource_spans.add()
    resource.resource.attributes.extend(key_values({"service.name": "parcel-desk"}))
    resource.scope_spans.add().spans.extend(spans)
    return request


def _said(role: str, text: str) -> dict[str, Any]:
    return {"role": role, "parts": [{"type": "text", "content": text}]}


def _call(asked: list[dict[str, Any]], answered: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o",
        "gen_ai.response.model": "gpt-4o-2024-08-06",
        "gen_ai.input.messages": json.dumps(asked),
        "gen_ai.output.messages": json.dumps(answered),
        "gen_ai.usage.input_tokens": 310,
        "gen_ai.usage.output_tokens": 64,
        "gen_ai.response.time_to_first_chunk": 0.31,
    }


def _span(number: int, parent: int, name: str, start: int, length_ms: int, attributes: dict[str, Any]) -> Span:
    return Span(
        span_id=number.to_bytes(8),
        parent_span_id=parent.to_bytes(8) if parent else b"",
        name=name,
        kind=Span.SPAN_KIND_INTERNAL,
        start_time_unix_nano=start,
        end_time_unix_nano=start + length_ms * _MS,
        attributes=key_values(attributes),
    )

"""`llmflow export test NAME`: one span to one destination, and what it says to that."""

from __future__ import annotations

import time
from dataclasses import replace

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

from llmflow_bus import Record, topics
from llmflow_core.destinations.destination import Destination, Selection
from llmflow_core.ids import new_span_id, new_trace_id
from llmflow_core.otlp import key_values
from llmflow_exporter.preparation import Preparation
from llmflow_exporter.transport import Reply, Verdict, open_transport

_ATTRIBUTES = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "llmflow",
    "gen_ai.request.model": "llmflow-test",
    "gen_ai.usage.input_tokens": 1,
    "gen_ai.usage.output_tokens": 1,
    "gen_ai.input.messages": '[{"role":"user","parts":[{"type":"text","content":"Does this arrive?"}]}]',
    "gen_ai.output.messages": '[{"role":"assistant","parts":[{"type":"text","content":"It does."}]}]',
}


async def probe(destination: Destination, *, timeout: float) -> tuple[str, Reply]:
    """Send one span of LLMFlow's own to a destination, whatever it selects and even if it is paused.

    Gives the trace id in hexadecimal and the answer. Raises ConfigError or OSError when it cannot be begun with.
    """
    trace_id = new_trace_id()
    value = Preparation(replace(destination, selection=Selection())).prepare(_record(trace_id))
    transport = open_transport(destination, timeout=timeout)
    try:
        reply = await transport.send([value or b""])
    finally:
        await transport.close()
    return trace_id.hex(), reply


def was_taken(reply: Reply) -> bool:
    """Whether the destination has the span."""
    return reply.verdict is Verdict.TAKEN and not reply.rejected_spans


def told(destination: Destination, trace_id: str, reply: Reply) -> str:
    """What `probe` found out, for people."""
    said = destination.scrubbed(reply.reason)
    where = f"{destination.name} ({destination.protocol}, {destination.dialect}) at {destination.address}"
    if was_taken(reply):
        return f"{where} took the span; look for trace {trace_id}" + (f"; it says: {said}" if said else "")
    return f"{where} did not take the span: {said or 'it rejected it'}"


def _record(trace_id: bytes) -> Record:
    now = time.time_ns()
    span = Span(
        trace_id=trace_id,
        span_id=new_span_id(),
        name="llmflow export test",
        kind=Span.SPAN_KIND_CLIENT,
        start_time_unix_nano=now - 1_000_000,
        end_time_unix_nano=now,
        attributes=key_values(_ATTRIBUTES),
    )
    resource = Resource(attributes=key_values({"service.name": "llmflow-export-test"}))
    scope_spans = ScopeSpans(scope=InstrumentationScope(name="llmflow"), spans=[span])
    request = ExportTraceServiceRequest(resource_spans=[ResourceSpans(resource=resource, scope_spans=[scope_spans])])
    return Record(topics.SPANS, 0, 0, now // 1_000_000, None, request.SerializeToString(), {})

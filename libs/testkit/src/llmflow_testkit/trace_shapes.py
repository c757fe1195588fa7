"""Traces that are hard on a page: very many spans, very many levels, a very long message.

They follow OpenInference's conventions, which LLMFlow and Phoenix both understand. What is random comes from a seed.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from llmflow_core.otlp import key_values
from llmflow_core.spans import JSON

_MS = 10**6
_TOOLS = ("get_weather", "search_orders", "run_query", "read_file", "send_mail")
_ONE_IN_THIS_MANY_FAILS = 60
#: Of a wide trace, spans below each of the agent's turns.
_A_TURN = 100


def wide_trace(trace_id: bytes, start_ns: int, *, spans: int = 10_000, project: str = "") -> ExportTraceServiceRequest:
    """An agent's trace of so many spans: turns one after the other, each with model calls, tools and steps of these."""
    rng = random.Random(trace_id)
    return _request(itertools.islice(_agent(rng, trace_id, start_ns, spans), spans), project)


def deep_trace(trace_id: bytes, start_ns: int, *, levels: int = 300, project: str = "") -> ExportTraceServiceRequest:
    """A trace in which each span has one child, down to this level; the last is a model call that failed."""

    def nested() -> Iterator[Span]:
        for level in range(1, levels):
            parent = level - 1
            length = (levels - level + 1) * 2 * _MS
            yield _span(trace_id, level, parent, f"step {level}", "CHAIN", start_ns + level * _MS, length)
        last = _span(
            trace_id, levels, levels - 1, "last call", "LLM", start_ns + levels * _MS, _MS, _model_call("Why?")
        )
        last.status.CopyFrom(Status(code=Status.STATUS_CODE_ERROR, message="The model took too long"))
        yield last

    return _request(nested(), project)


def long_message(
    trace_id: bytes, start_ns: int, *, characters: int = 5_000_000, project: str = ""
) -> ExportTraceServiceRequest:
    """A model call whose user message has this many characters, in lines."""
    line = "The quick brown fox jumps over the lazy dog, again and again, until it is tired of it.\n"
    text = (line * (characters // len(line) + 1))[:characters]
    call = _span(trace_id, 1, 0, "summarize", "LLM", start_ns, 900 * _MS, _model_call(text))
    return _request(iter([call]), project)


def span_id(trace_id: bytes, number: int) -> bytes:
    """The id of a trace's span of this number, from 1 on. Phoenix takes a span's id only once, whatever its trace."""
    return trace_id[-2:] + number.to_bytes(6)


def _agent(rng: random.Random, trace_id: bytes, start_ns: int, spans: int) -> Iterator[Span]:
    """Spans without end, parents before their children; the first lasts as long as `spans` of them."""
    numbers = itertools.count(1)
    turns = spans // _A_TURN + 1
    turn_ns = 900 * _MS
    root = next(numbers)
    yield _span(trace_id, root, 0, "invoke_agent researcher", "AGENT", start_ns, turns * turn_ns)
    for turn in itertools.count():
        begin = start_ns + turn * turn_ns
        above = next(numbers)
        yield _span(trace_id, above, root, f"turn {turn + 1}", "CHAIN", begin, turn_ns)
        parents, used = [(above, begin, turn_ns)], 1
        while used < _A_TURN:
            parent, since, length = parents[-1] if rng.random() < 0.7 else rng.choice(parents)
            number = next(numbers)
            offset, share = rng.random() * 0.5, rng.random() * 0.5
            at, lasts = since + int(offset * length), max(1000, int(share * length))
            kind = rng.choices(("LLM", "TOOL", "CHAIN", "RETRIEVER", "UNKNOWN"), (3, 3, 2, 1, 1))[0]
            yield _child(rng, trace_id, number, parent, kind, at, lasts)
            used += 1
            parents.append((number, at, lasts))
            if len(parents) > 8:
                parents = parents[:3]


def _child(
    rng: random.Random, trace_id: bytes, number: int, parent: int, kind: str, start_ns: int, length: int
) -> Span:
    if kind == "LLM":
        name, attributes = "chat gpt-4o-mini", _model_call(f"What is known of case {number}?")
    elif kind == "TOOL":
        tool = rng.choice(_TOOLS)
        name, attributes = f"execute_tool {tool}", {"tool.name": tool, "input.value": f'{{"case": {number}}}'}
    else:
        name, attributes = f"{kind.lower()} {number}", {"input.value": f"case {number}"}
    span = _span(trace_id, number, parent, name, kind, start_ns, length, attributes)
    if rng.randrange(_ONE_IN_THIS_MANY_FAILS) == 0:
        span.status.CopyFrom(Status(code=Status.STATUS_CODE_ERROR, message=f"Case {number} was refused"))
    return span


def _model_call(question: str) -> dict[str, JSON]:
    return {
        "llm.model_name": "gpt-4o-mini",
        "llm.provider": "openai",
        "llm.input_messages.0.message.role": "user",
        "llm.input_messages.0.message.content": question,
        "llm.output_messages.0.message.role": "assistant",
        "llm.output_messages.0.message.content": "It is as it was yesterday.",
        "llm.token_count.prompt": 420,
        "llm.token_count.completion": 37,
    }


def _span(
    trace_id: bytes,
    number: int,
    parent: int,
    name: str,
    kind: str,
    start_ns: int,
    length: int,
    attributes: dict[str, JSON] | None = None,
) -> Span:
    return Span(
        trace_id=trace_id,
        span_id=span_id(trace_id, number),
        parent_span_id=span_id(trace_id, parent) if parent else b"",
        name=name,
        kind=Span.SPAN_KIND_INTERNAL,
        start_time_unix_nano=start_ns,
        end_time_unix_nano=start_ns + length,
        attributes=key_values({"openinference.span.kind": kind, **(attributes or {})}),
    )


def _request(spans: Iterator[Span], project: str) -> ExportTraceServiceRequest:
    """In one request; `project` is Phoenix's word for it, LLMFlow's is a header."""
    request = ExportTraceServiceRequest()
    resource = request.resource_spans.add()
    named: dict[str, JSON] = {"openinference.project.name": project} if project else {}
    resource.resource.attributes.extend(key_values({"service.name": "researcher", **named}))
    scope = resource.scope_spans.add()
    scope.scope.name = "shapes"
    scope.spans.extend(spans)
    return request

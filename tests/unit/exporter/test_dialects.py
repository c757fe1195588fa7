"""What real libraries sent, rewritten in each dialect and read back: the same facts and messages."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from llmflow_core.content import conversation
from llmflow_core.dialects import DIALECTS
from llmflow_core.dialects.parts import one_answer_each
from llmflow_core.dialects.rewriting import messages_of, paired, rewrite
from llmflow_core.messages import Message
from llmflow_core.otlp import spans_of
from llmflow_core.raw_traces import parse_raw_traces
from llmflow_core.spans import ObservationType, Span
from llmflow_testkit.otlp_requests import traces_of_json
from llmflow_testkit.recorded_conventions import facts_of, recorded_bytes, recorded_libraries

#: Dialects whose messages are flat: one tool's answer a message, no reason for its end, no media type beside an image.
FLAT = ("openinference", "openllmetry")


@cache
def _recorded(library: str) -> ExportTraceServiceRequest:
    return traces_of_json(recorded_bytes(library))


def _read_back(library: str, dialect: str) -> tuple[list[Span], list[Span]]:
    """The spans as they are recorded, and as they are read from the rewritten request."""
    request = parse_raw_traces(_recorded(library).SerializeToString())
    before = spans_of(request)
    written = []
    for message, span in paired(messages_of(request), before):
        if span is not None:
            rewrite(message, span, DIALECTS[dialect])
            written.append(message.span_id)
    return before, [span for span in spans_of(request) if span.span_id in written]


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("library", recorded_libraries())
def test_facts_and_messages_are_the_same(library: str, dialect: str) -> None:
    recorded, read = _read_back(library, dialect)
    for before, after in zip(facts_of(recorded), facts_of(read), strict=True):
        for facts in (before, after):
            for name in ("input", "output", "tools"):
                facts.pop(name, None)
        if dialect == "openinference" and "model" not in before and "response_model" in before:
            before["model"] = before["response_model"]  # Phoenix prices by the one model that it shows
        assert after == before
    for span, again in zip(recorded, read, strict=True):
        _compare_content(span, again, dialect)


def _compare_content(span: Span, again: Span, dialect: str) -> None:
    if span.scope == "openlit" and span.observation_type == ObservationType.CHAIN and dialect != "openinference":
        return  # its own convention, which goes by the scope, shows what it finds there as JSON
    before, after = conversation(span), conversation(again)
    if dialect == "openinference" and span.observation_type == ObservationType.EMBEDDING:
        assert _texts(after.input) == _texts(before.input)
        return  # OpenInference has the texts and the vectors of an embedding, and no messages
    assert _plain(after.input, dialect) == _plain(before.input, dialect)
    assert _plain(after.output, dialect) == _plain(before.output, dialect)
    # OpenLLMetry has tools beside messages only.
    if dialect != "openllmetry" or (span.observation_type == ObservationType.GENERATION and before.input):
        assert _without_none(after.tools) == _without_none(before.tools)


def _plain(messages: list[Message], dialect: str) -> Any:
    if dialect not in FLAT:
        return messages
    return [_flat(message) for message in one_answer_each(messages)]


def _flat(message: Message) -> Any:
    parts = [
        (part.type, part.text, part.id, part.name, part.arguments, part.result, part.uri, part.value)
        for part in message.parts
    ]
    return message.role, sorted(parts, key=lambda part: part[0] == "tool_call")


def _texts(messages: list[Message]) -> list[Any]:
    values = [part.text or part.value for message in messages for part in message.parts]
    return [text for value in values for text in (value if isinstance(value, list) else [value])]


def _without_none(tools: list[Any]) -> list[Any]:
    return [{k: v for k, v in tool.items() if v is not None} if isinstance(tool, dict) else tool for tool in tools]

"""What the recordings of OpenLLMetry's libraries do not show."""

from __future__ import annotations

from typing import Any

import pytest

from llmflow_core.content import conversation
from llmflow_core.conventions import apply_conventions
from llmflow_core.messages import Message, Part
from llmflow_core.spans import ObservationType, Span


def applied(attributes: dict[str, Any]) -> Span:
    span = Span(trace_id=b"t" * 16, span_id=b"s" * 8, name="n", start_time_ns=1, duration_ns=1, attributes=attributes)
    apply_conventions(span)
    return span


def test_a_managed_prompt_has_name_and_version() -> None:
    span = applied({"traceloop.prompt.key": "forecast", "traceloop.prompt.version": 3})
    assert (span.prompt_name, span.prompt_version) == ("forecast", "3")


@pytest.mark.parametrize(
    ("request_type", "kind"),
    [("completion", ObservationType.GENERATION), ("rerank", ObservationType.RERANKER), ("new", ObservationType.SPAN)],
)
def test_the_kind_of_request_says_what_the_span_did(request_type: str, kind: ObservationType) -> None:
    assert applied({"llm.request.type": request_type}).observation_type == kind


def test_messages_are_in_the_order_of_their_numbers() -> None:
    span = applied({f"gen_ai.prompt.{n}.content": f"{n}" for n in (10, 2, 1)} | {"gen_ai.prompt.x.content": "?"})
    assert [message.parts[0].text for message in conversation(span).input] == ["1", "2", "10"]


@pytest.mark.parametrize(("value", "part"), [
    ('"said"', Part(type="text", text="said")),
    ("{broken", Part(type="text", text="{broken")),
    ("3", Part(type="json", value=3)),
    ('{"kwargs": {}, "args": [1]}', Part(type="json", value={"kwargs": {}, "args": [1]})),
])  # fmt: skip
def test_what_a_task_gave_is_read_as_json_where_it_is(value: str, part: Part) -> None:
    span = applied({"traceloop.span.kind": "task", "traceloop.entity.output": value})
    assert conversation(span).output == [Message(role="output", parts=[part])]


def test_cached_tokens_that_exceed_the_input_were_counted_apart() -> None:
    span = applied({"gen_ai.usage.input_tokens": 5, "gen_ai.usage.cache_read_input_tokens": 100})
    assert span.input_tokens == 105

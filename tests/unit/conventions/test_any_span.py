"""No span can break a convention, whatever its attributes hold: the spans around it must not suffer."""

from __future__ import annotations

from typing import Any

import msgspec
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmflow_core.content import conversation
from llmflow_core.conventions import BOOK, CONVENTIONS
from llmflow_core.spans import Span, Status
from llmflow_testkit.recorded_conventions import recorded_libraries, recorded_spans

RECORDED = [span for library in recorded_libraries() for span in recorded_spans(library)]
EVENTS = sorted({name for convention in CONVENTIONS for name in convention.content_events} | {"exception"})

scalars = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats() | st.text(max_size=8)
keys = st.sampled_from(
    ["role", "content", "parts", "type", "text", "message", "messages", "tool_calls", "function", "kwargs", "usage"]
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4), max_leaves=8
)
told = values | values.map(lambda value: orjson.dumps(value, default=str).decode())


def sound(value: Any) -> Any:
    """JSON as OTLP's values become it: no floats that are not finite."""
    return orjson.loads(orjson.dumps(value, default=str))


@st.composite
def spans(draw: st.DrawFn) -> Span:
    """A recorded span in which some values are others, and some events have others' names."""
    recorded = draw(st.sampled_from(RECORDED))
    attributes = {**recorded.attributes, **{k: v for k, v in recorded.content.items() if not k.startswith("event:")}}
    changed = draw(st.lists(st.sampled_from(sorted(attributes)), max_size=4)) if attributes else []
    attributes |= {name: sound(draw(told)) for name in changed}
    events = draw(
        st.lists(
            st.builds(
                lambda name, body: {"name": name, "time_unix_nano": 1, "attributes": body},
                st.sampled_from(EVENTS),
                st.dictionaries(st.sampled_from(["gen_ai.event.content", "message", "content", "id"]), told.map(sound)),
            ),
            max_size=2,
        )
    )
    return Span(
        trace_id=b"t" * 16,
        span_id=b"s" * 8,
        name=recorded.name,
        scope=recorded.scope,
        status=Status.ERROR,
        start_time_ns=1,
        duration_ns=1,
        attributes=attributes,
        events=events,
    )


@settings(max_examples=150, deadline=None)
@given(spans())
def test_no_span_breaks_a_convention(span: Span) -> None:
    given = {**span.attributes}
    BOOK.apply(span)
    BOOK.conversation(span)
    assert given.items() <= {**span.attributes, **span.content}.items()


@pytest.mark.parametrize("depth", [250, 300, 1000])
def test_json_however_deep_can_be_shown(depth: int) -> None:
    deep = "[" * depth + "]" * depth
    for name in {name for span in RECORDED for name in (*span.attributes, *span.content) if ":" not in name}:
        span = Span(trace_id=b"t" * 16, span_id=b"s" * 8, name="n", start_time_ns=1, duration_ns=1)
        span.attributes = {"openinference.span.kind": "TOOL", "gen_ai.request.model": "m", name: deep}
        BOOK.apply(span)
        assert name in span.attributes or name in span.content
        msgspec.json.encode(conversation(span))

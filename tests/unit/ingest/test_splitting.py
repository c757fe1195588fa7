"""Requests that do not fit into one record of the log."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from llmflow_core.otlp import any_value, attributes_of, key_values
from llmflow_ingest.splitting import TRUNCATED, span_count, split

LIMIT = 4000


def _span(number: int, **attributes: object) -> Span:
    return Span(
        trace_id=bytes(15) + b"\1",
        span_id=number.to_bytes(8),
        name=f"span {number}",
        start_time_unix_nano=number + 1,
        end_time_unix_nano=number + 2,
        attributes=key_values(attributes),
    )


def _one(span: Span) -> ExportTraceServiceRequest:
    request = ExportTraceServiceRequest()
    resource = request.resource_spans.add()
    resource.resource.attributes.extend(key_values({"service.name": "app"}))
    resource.scope_spans.add().spans.append(span)
    return request


def _trimmed(span: Span) -> tuple[bytes, Span]:
    (value,) = split(_one(span), LIMIT)
    return value, ExportTraceServiceRequest.FromString(value).resource_spans[0].scope_spans[0].spans[0]


@given(
    shape=st.lists(st.lists(st.lists(st.integers(0, 900), max_size=8), max_size=3), max_size=3),
    limit=st.integers(1500, 6000),
)
def test_every_span_keeps_its_resource_and_scope(shape: list[list[list[int]]], limit: int) -> None:
    request = ExportTraceServiceRequest()
    number = 0
    for r, scopes in enumerate(shape):
        resource = request.resource_spans.add(schema_url=f"schema/{r}")
        resource.resource.attributes.extend(key_values({"service.name": f"service-{r}"}))
        for s, sizes in enumerate(scopes):
            scope = resource.scope_spans.add(schema_url=f"schema/{r}/{s}")
            scope.scope.name = f"scope-{s}"
            for size in sizes:
                number += 1
                scope.spans.append(_span(number, content="x" * size))

    values = split(request, limit)

    assert all(len(value) <= limit for value in values)
    together = ExportTraceServiceRequest.FromString(b"".join(values))
    assert _rows(together) == _rows(request)
    assert span_count(together) == number


def _rows(request: ExportTraceServiceRequest) -> list[tuple[str, str, str, str, bytes]]:
    return [
        (str(resource.resource), resource.schema_url, str(scope.scope), scope.schema_url, span.SerializeToString())
        for resource in request.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]


def test_longest_texts_are_cut_the_others_stay() -> None:
    value, span = _trimmed(
        _span(1, model="gpt-4o", prompt="ä" * 50_000, completion="b" * 3000, nested={"list": ["c" * 50_000, 7]})
    )
    attributes = attributes_of(span.attributes)
    assert LIMIT - 100 < len(value) <= LIMIT
    assert attributes[TRUNCATED] is True
    assert attributes["model"] == "gpt-4o"
    assert attributes["nested"]["list"][1] == 7
    sizes = {
        len(text.encode()) for text in (attributes["prompt"], attributes["completion"], attributes["nested"]["list"][0])
    }
    assert max(sizes) - min(sizes) <= 1  # all three are cut to the same number of bytes, between characters
    assert set(attributes["prompt"]) == {"ä"}


def test_a_short_text_is_never_cut_for_a_long_one() -> None:
    _, span = _trimmed(_span(1, prompt="a" * 50_000, completion="b" * 500))
    attributes = attributes_of(span.attributes)
    assert attributes["completion"] == "b" * 500
    assert 3000 < len(attributes["prompt"]) < LIMIT


def test_events_links_and_bytes_are_cut_too() -> None:
    span = _span(1)
    span.events.add(name="gen_ai.content").attributes.extend(key_values({"body": "e" * 50_000}))
    link = span.links.add(trace_id=bytes(16), span_id=bytes(8))
    link.attributes.add(key="blob").value.CopyFrom(any_value(b"\xff" * 50_000))
    value, kept = _trimmed(span)
    assert LIMIT - 100 < len(value) <= LIMIT
    assert kept.events[0].name == "gen_ai.content"
    assert kept.links[0].attributes[0].value.bytes_value.startswith(b"\xff")


def test_a_span_of_countless_small_things_keeps_its_identity() -> None:
    span = _span(7, **{f"key-{n}": n for n in range(5000)})
    span.parent_span_id = b"parent78"
    span.status.code = span.status.STATUS_CODE_ERROR
    value, kept = _trimmed(span)
    assert len(value) <= LIMIT
    assert (kept.span_id, kept.parent_span_id, kept.name) == (span.span_id, span.parent_span_id, span.name)
    assert (kept.start_time_unix_nano, kept.end_time_unix_nano) == (8, 9)
    assert kept.status.code == span.status.STATUS_CODE_ERROR
    assert attributes_of(kept.attributes) == {TRUNCATED: True}


def test_only_the_large_span_is_trimmed() -> None:
    request = _one(_span(1, note="small"))
    spans = request.resource_spans[0].scope_spans[0].spans
    spans.extend([_span(2, prompt="p" * 50_000), _span(3, note="small")])
    merged = ExportTraceServiceRequest.FromString(b"".join(split(request, LIMIT)))
    kept = [s for resource in merged.resource_spans for scope in resource.scope_spans for s in scope.spans]
    assert [TRUNCATED in attributes_of(span.attributes) for span in kept] == [False, True, False]

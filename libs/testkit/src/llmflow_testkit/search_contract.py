"""What every `Store` finds by filters and by text. A subclass of `SearchContract` runs on every kind of database."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal

import orjson
import pytest

from llmflow_core.filter_match import matches
from llmflow_core.filters import parse_filter
from llmflow_core.ids import new_span_id, new_trace_id
from llmflow_core.spans import Score, Span
from llmflow_store import SpanQuery, Store, TraceQuery
from llmflow_store.administration import Actor
from llmflow_testkit.spans import NOON_NS, make_generation, make_span
from llmflow_testkit.store_suite import StoreSuite

_SECOND = 1_000_000_000


def _said(*texts: str) -> dict[str, str]:
    messages = [{"role": "user", "parts": [{"type": "text", "content": text}]} for text in texts]
    return {"gen_ai.input.messages": orjson.dumps(messages).decode()}


def _traces() -> list[Span]:
    """Three traces: `good` of two spans, `bad` of one, `bare` without anything optional."""
    good = make_generation(
        name="good",
        user_id="ada",
        cost=Decimal("0.02"),
        attributes={"feature": "chat", "retries": 3, "ratio": 0.5, "beta": True, "labels": ["x", "y"]},
        content=_said("Refund for order 4711, s'il vous plaît", "line one\nline two"),
    )
    child = make_span(
        trace_id=good.trace_id,
        parent_span_id=good.span_id,
        name="look up",
        start_time_ns=NOON_NS + _SECOND,
        observation_type="tool",
        attributes={"tool.name": "orders", "feature": "tools"},
        duration_ns=3 * _SECOND,
    )
    bad = make_generation(
        name="bad",
        start_time_ns=NOON_NS + 10 * _SECOND,
        model="claude-sonnet-4",
        response_model="claude-sonnet-4",
        status="error",
        user_id="bob",
        cost=None,
        input_tokens=9,
        output_tokens=None,
        tags=["under_score"],
        http_status=429,
        attributes={"feature": "chat"},
        resource_attributes={"region": "eu"},
        content=_said("no order was found"),
    )
    bare = make_span(name="bare", start_time_ns=NOON_NS + 20 * _SECOND, parent_span_id=new_span_id())
    return [good, child, bad, bare]


#: A filter, the traces it finds (oldest first), and the spans.
_FOUND = [
    ("", ["good", "bad", "bare"], ["good", "look up", "bad", "bare"]),
    ("model:gpt-4o", ["good"], ["good"]),
    ("model:claude*", ["bad"], ["bad"]),
    ("-model:gpt-4o", ["bad", "bare"], ["look up", "bad", "bare"]),
    ("model:*", ["good", "bad"], ["good", "bad"]),
    ("status:error", ["bad"], ["bad"]),
    ("user:ada,bob", ["good", "bad"], ["good", "bad"]),
    ("user:ada OR name:bare", ["good", "bare"], ["good", "bare"]),
    ("cost:>0.01", ["good"], ["good"]),
    ("cost:0.02..1", ["good"], ["good"]),
    ("-cost:*", ["bad", "bare"], ["look up", "bad", "bare"]),
    ("tokens:>1k", ["good"], ["good"]),
    ("tokens:9", ["bad"], ["bad"]),
    ("duration:>2s", ["good"], ["look up"]),
    ("ttft:<300ms", ["good", "bad"], ["good", "bad"]),
    ("http:429", ["bad"], ["bad"]),
    ("tag:beta", ["good"], ["good"]),
    ("tag:under_*", ["bad"], ["bad"]),
    ("tag:under-*", [], []),
    ("finish:length status:ok", ["good"], ["good"]),
    ("type:tool", ["good"], ["look up"]),
    ("kind:client", ["good", "bad"], ["good", "bad"]),
    ("root:false", ["bare"], ["look up", "bare"]),
    ("attr.feature:chat", ["good", "bad"], ["good", "bad"]),
    ("attr.feature:chat attr.tool.name:orders", ["good"], []),
    ("attr.feature:*", ["good", "bad"], ["good", "look up", "bad"]),
    ("attr.feature:t*", ["good"], ["look up"]),
    ("attr.retries:3", ["good"], ["good"]),
    ("attr.retries:3.0", ["good"], ["good"]),
    ("attr.retries:>2", ["good"], ["good"]),
    ("attr.ratio:0.5", ["good"], ["good"]),
    ("attr.beta:true", ["good"], ["good"]),
    ("attr.labels:y", ["good"], ["good"]),
    ("attr.feature:chat attr.feature:tools", ["good"], []),
    ("resource.region:eu", ["bad"], ["bad"]),
    ("attr.region:eu", [], []),
    ("refund", ["good"], ["good"]),
    ("REFUND order", ["good"], ["good"]),
    ("plaît", ["good"], ["good"]),
    ("order", ["good", "bad"], ["good", "bad"]),
    ('"order 4711"', ["good"], ["good"]),
    ('"4711 order"', [], []),
    ('"line two"', ["good"], ["good"]),
    ("order -refund", ["bad"], ["bad"]),
    ("refund OR user:bob", ["good", "bad"], ["good", "bad"]),
    ("order user:nobody", [], []),
]

_FOUND_WITHOUT_SPACES = {
    "退款": True,
    "款申": True,
    "申请已经处": True,
    "申请处": False,
    "了": True,
    "理": True,
    "款退": False,
    "返金の手続き": True,
    "환불": True,
    "ok support": True,
    "gpt 退款 환불을": True,
    "gpt 退款 order": False,
    '"联系support"': True,
    "-退款": False,
}


class SearchContract(StoreSuite):
    """The suite."""

    async def test_filters_find_traces_and_spans(self, store: Store) -> None:
        await store.write_spans(_traces())
        await _index(store)

        found = {}
        for text, _, _ in _FOUND:
            traces = await store.list_traces(TraceQuery(project="default", filter=parse_filter(text)))
            spans = await store.list_spans(SpanQuery(project="default", filter=parse_filter(text)))
            found[text] = ([t.name for t in traces.traces][::-1], [s.name for s in spans.spans][::-1])
        assert found == {text: (traces, spans) for text, traces, spans in _FOUND}

    async def test_words_are_found_in_what_is_written_without_spaces(self, store: Store) -> None:
        content = _said("GPT退款申请已经处理了ok, 请联系support。", "返金の手続き。 환불을 요청")
        escaped = {name: json.dumps(json.loads(text)) for name, text in content.items()}
        await store.write_spans([make_span(content=content), make_span(content=escaped)])
        await _index(store)
        for text, is_found in _FOUND_WITHOUT_SPACES.items():
            page = await store.list_spans(SpanQuery(project="default", filter=parse_filter(text)))
            assert len(page.spans) == 2 * is_found, text
            assert matches(parse_filter(text), make_span(content=content)) == is_found, text

    async def test_ids_are_found_by_their_beginning(self, store: Store) -> None:
        spans = _traces()
        await store.write_spans(spans)
        trace_id, span_id = spans[2].trace_id.hex(), spans[2].span_id.hex()
        for text in (f"trace:{trace_id}", f"trace:{trace_id[:13]}", f"span:{span_id}", f"span:{span_id[:9].upper()}"):
            page = await store.list_traces(TraceQuery(project="default", filter=parse_filter(text)))
            assert [trace.name for trace in page.traces] == ["bad"], text
        longer = await store.list_spans(SpanQuery(project="default", filter=parse_filter(f"span:{span_id}0")))
        assert longer.spans == []

    async def test_a_common_attribute_is_found_without_its_index(
        self, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await store.write_spans(_traces())
        await _index(store)
        monkeypatch.setattr("llmflow_store.search._MANY", 0)
        for text in ("attr.feature:chat", "order"):
            page = await store.list_traces(TraceQuery(project="default", filter=parse_filter(text)))
            assert [trace.name for trace in page.traces] == ["bad", "good"]

    @pytest.mark.parametrize("traces", [2, 5, 30])
    async def test_words_that_many_spans_of_few_traces_hold_are_found_in_each(
        self, store: Store, monkeypatch: pytest.MonkeyPatch, traces: int
    ) -> None:
        trace_ids = [new_trace_id() for _ in range(traces)]
        await store.write_spans(
            [
                make_span(trace_id=trace_id, content=_said("needle"), release="9.9", start_time_ns=NOON_NS + number)
                for number, trace_id in enumerate(trace_ids * 7)
            ]
        )
        await _index(store)
        monkeypatch.setattr("llmflow_store.search._MANY", 20)
        monkeypatch.setattr("llmflow_store.trace_search._BATCHES", (1, 1, 1))
        for text in ("needle", "release:9.9"):
            page = await store.list_traces(TraceQuery(project="default", filter=parse_filter(text), limit=50))
            assert {trace.trace_id for trace in page.traces} == {*trace_ids}, text

    async def test_a_label_is_found_by_all_of_a_text_that_is_longer(self, store: Store) -> None:
        long = "ü" * 300
        labels = dict.fromkeys(("service", "provider", "model", "user_id", "session_id", "environment"), long)
        span = make_generation(**labels, scores=[Score(name=long, value=1)], tags=[long], name=long)
        await store.write_spans([span, make_generation()])
        for text in (*(f"{name}:{long}" for name in (*labels, "tag", "name")), f"score.{long}:1"):
            parsed = parse_filter(text)
            traces = await store.list_traces(TraceQuery(project="default", filter=parsed))
            spans = await store.list_spans(SpanQuery(project="default", filter=parsed))
            found = ([trace.trace_id for trace in traces.traces], [found.trace_id for found in spans.spans])
            assert found == ([span.trace_id], [span.trace_id]), text

    async def test_other_projects_are_not_found(self, store: Store) -> None:
        await store.write_spans([replace(span, project="other") for span in _traces()])
        await _index(store)
        for text in ("", "order", "attr.feature:chat", "type:tool"):
            assert (await store.list_traces(TraceQuery(project="default", filter=parse_filter(text)))).traces == []
            assert (await store.list_spans(SpanQuery(project="default", filter=parse_filter(text)))).spans == []

    async def test_span_pages_are_whole_and_in_order(self, store: Store) -> None:
        spans = [make_span(start_time_ns=NOON_NS + n // 3, trace_id=new_trace_id()) for n in range(20)]
        await store.write_spans(spans)
        query, seen = SpanQuery(project="default", limit=7), []
        while True:
            page = await store.list_spans(query)
            seen += [span.key for span in page.spans]
            if page.next is None:
                break
            query = replace(query, after=page.next)
            await store.write_spans([make_span(start_time_ns=NOON_NS + _SECOND)])
        newest_first = sorted(spans, key=lambda span: (span.start_time_ns, span.span_id), reverse=True)
        assert seen == [span.key for span in newest_first]

    async def test_listed_spans_have_previews_and_no_content(self, store: Store) -> None:
        span = make_generation(content=_said("hello"))
        await store.write_spans([span])
        page = await store.list_spans(SpanQuery(project="default"))
        assert page.spans == [replace(span, content={})]

    async def test_indexing_counts_what_waits(self, store: Store) -> None:
        await store.write_spans([make_generation(content=_said(f"word{n}")) for n in range(5)])
        backlog = await store.search_backlog()
        assert backlog.waiting == 5
        assert backlog.oldest_seconds >= 0
        assert await store.index_content(limit=3) == 3
        assert await store.index_content(limit=3) == 2
        assert await store.index_content(limit=3) == 0
        assert (await store.search_backlog()).waiting == 0

    async def test_content_too_large_or_odd_for_the_index_holds_up_nothing(self, store: Store) -> None:
        many = " ".join(f"w{n:x}" for n in range(300_000))
        odd = {"gen_ai.input.messages": '["\\u0000 needle"]', "other": "[not json", "number": 5}
        await store.write_spans([make_generation(name="large", content={"text": "needle " + many})])
        await store.write_spans([make_generation(name="odd", content=odd)])
        await _index(store)
        page = await store.list_spans(SpanQuery(project="default", filter=parse_filter("needle")))
        assert sorted(span.name for span in page.spans) == ["large", "odd"]

    async def test_a_deleted_project_leaves_nothing_to_find(self, store: Store) -> None:
        await store.write_spans([replace(span, project="gone") for span in _traces()])
        await store.index_content(limit=1)
        await store.delete_project("gone", by=Actor("test"))
        assert (await store.search_backlog()).waiting == 0
        await store.write_spans([make_span(project="gone")])
        page = await store.list_traces(TraceQuery(project="gone", filter=parse_filter("order OR attr.feature:chat")))
        assert page.traces == []


async def _index(store: Store) -> None:
    while await store.index_content(limit=100):
        pass

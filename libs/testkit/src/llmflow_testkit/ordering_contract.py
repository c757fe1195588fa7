"""The orders in which every `Store` lists traces and spans. A subclass of `OrderingContract` runs on every kind of
database."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any, TypeVar

import pytest

from llmflow_core.filters import parse_filter
from llmflow_core.ids import new_span_id
from llmflow_core.spans import Span
from llmflow_store import SpanQuery, Store, TraceQuery, TraceSummary
from llmflow_store.port import OrderedBy
from llmflow_testkit.spans import NOON, NOON_NS, make_generation, make_span, random_spans
from llmflow_testkit.store_suite import StoreSuite

_SECOND = 1_000_000_000
_ORDERS: Sequence[OrderedBy] = ("time", "duration", "cost", "tokens")
_EACH: Sequence[tuple[OrderedBy, bool]] = [(order, ascending) for order in _ORDERS for ascending in (False, True)]
_Row = TypeVar("_Row", TraceSummary, Span)


def _spans() -> list[Span]:
    """Spans of some days in small traces, with equal and absent values of everything that they can be ordered by."""
    rng = random.Random(8)
    spans = random_spans(rng, 60, traces=25)
    return [
        replace(
            span,
            start_time_ns=NOON_NS - rng.randrange(3) * 86_400 * _SECOND + rng.randrange(3),
            duration_ns=rng.choice([0, 1, 5, rng.randrange(10**10)]),
            cost=rng.choice([None, Decimal(0), Decimal("0.01"), Decimal(rng.randrange(10**9)).scaleb(-9)]),
            input_tokens=rng.choice([None, 0, 12, rng.randrange(1000)]),
        )
        for span in spans
    ]


def _value(of: TraceSummary | Span, order: OrderedBy) -> Decimal | int:
    match order:
        case "time":
            return of.start_time_ns
        case "duration":
            return of.end_time_ns - of.start_time_ns
        case "cost":
            return of.cost or 0
        case "tokens":
            return (of.input_tokens or 0) + (of.output_tokens or 0)


def _sorted(rows: Sequence[_Row], order: OrderedBy, *, ascending: bool) -> list[_Row]:
    """What a list has to be: `rows`, newest first, in the order, and then those without a value."""

    def key(row: _Row) -> tuple[int, bytes, bytes]:
        return (row.start_time_ns, getattr(row, "span_id", b""), row.trace_id)

    with_value = [row for row in rows if _value(row, order) > 0]
    with_value.sort(key=lambda row: (_value(row, order), *key(row)), reverse=not ascending)
    return with_value + sorted((row for row in rows if row not in with_value), key=key, reverse=True)


async def _traces(store: Store, query: TraceQuery) -> list[TraceSummary]:
    """All pages."""
    found: list[TraceSummary] = []
    while True:
        page = await store.list_traces(query)
        found += page.traces
        if page.next is None:
            return found
        query = replace(query, after=page.next)


async def _listed(store: Store, query: SpanQuery) -> list[Span]:
    """All pages."""
    found: list[Span] = []
    while True:
        page = await store.list_spans(query)
        found += page.spans
        if page.next is None:
            return found
        query = replace(query, after=page.next)


class OrderingContract(StoreSuite):
    """The suite."""

    async def test_traces_and_spans_come_in_every_order(self, store: Store) -> None:
        spans = _spans()
        await store.write_spans([*spans, make_generation(project="other")])
        traces = (await store.list_traces(TraceQuery(project="default", limit=200))).traces
        by_key = {span.key: span for span in spans}
        assert len(traces) > 20
        for order, ascending in _EACH:
            query = TraceQuery(project="default", order=order, ascending=ascending, limit=7)
            assert await _traces(store, query) == _sorted(traces, order, ascending=ascending), (order, ascending)
            listed = await _listed(store, SpanQuery(project="default", order=order, ascending=ascending, limit=11))
            expected = _sorted(spans, order, ascending=ascending)
            assert [by_key[span.key] for span in listed] == expected, (order, ascending)

    async def test_conditions_hold_in_every_order(self, store: Store) -> None:
        await store.write_spans(_spans())
        since = NOON - timedelta(days=1, hours=1)
        for text in ("tokens:>20", "-type:tool", "service:web OR user:ada"):
            parsed = parse_filter(text)
            trace_query = TraceQuery(project="default", from_time=since, filter=parsed)
            span_query = SpanQuery(project="default", from_time=since, filter=parsed)
            traces, spans = await _traces(store, trace_query), await _listed(store, span_query)
            assert traces
            assert spans
            for order, ascending in _EACH:
                found = await _traces(store, replace(trace_query, order=order, ascending=ascending, limit=9))
                assert found == _sorted(traces, order, ascending=ascending), (text, order, ascending)
                listed = await _listed(store, replace(span_query, order=order, ascending=ascending, limit=9))
                assert listed == _sorted(spans, order, ascending=ascending), (text, order, ascending)

    @pytest.mark.parametrize("ascending", [False, True], ids=["descending", "ascending"])
    async def test_a_search_by_index_keeps_the_order(
        self, store: Store, monkeypatch: pytest.MonkeyPatch, ascending: bool
    ) -> None:
        spans = [
            make_span(duration_ns=n % 7 * _SECOND, start_time_ns=NOON_NS - n, attributes={"feature": "chat"})
            for n in range(20)
        ]
        await store.write_spans([*spans, make_span(attributes={"feature": "other"})])
        query = TraceQuery(
            project="default",
            order="duration",
            ascending=ascending,
            limit=3,
            filter=parse_filter("attr.feature:chat"),
        )
        expected = [span.trace_id for span in _sorted(spans, "duration", ascending=ascending)]
        assert [trace.trace_id for trace in await _traces(store, query)] == expected
        # Then the index names too many, and the list itself is walked, batch by batch.
        monkeypatch.setattr("llmflow_store.search._MANY", 0)
        monkeypatch.setattr("llmflow_store.trace_search._BATCHES", (2, 3))
        assert [trace.trace_id for trace in await _traces(store, query)] == expected

    async def test_pages_are_stable_while_data_arrives(self, store: Store) -> None:
        for number, (order, ascending) in enumerate(_EACH):
            project = f"p{number}"

            def of(value: int | Decimal, **fields: Any) -> Span:
                """A span with `value` of everything: seconds, dollars, tokens."""
                return make_generation(
                    project=project,  # noqa: B023 - called within the round
                    duration_ns=int(value * _SECOND),
                    cost=Decimal(value),
                    input_tokens=math.ceil(value),
                    output_tokens=0,
                    **fields,
                )

            spans = [of(value) for value in (0, 0, 1, 1, 1, 2, 3, 3)]
            await store.write_spans(spans)
            trace_query = TraceQuery(project=project, order=order, ascending=ascending, limit=3)
            span_query = SpanQuery(project=project, order=order, ascending=ascending, limit=3)
            # What arrives belongs before all of them.
            value, start_time_ns = (Decimal("0.5"), NOON_NS - 1) if ascending else (Decimal(99), NOON_NS + 1)
            traces: list[bytes] = []
            listed: list[bytes] = []
            while True:
                trace_page, span_page = await store.list_traces(trace_query), await store.list_spans(span_query)
                traces += [trace.trace_id for trace in trace_page.traces]
                listed += [span.trace_id for span in span_page.spans]
                if trace_page.next is None or span_page.next is None:
                    break
                trace_query = replace(trace_query, after=trace_page.next)
                span_query = replace(span_query, after=span_page.next)
                await store.write_spans([of(value, start_time_ns=start_time_ns)])
            assert trace_page.next is None
            assert span_page.next is None
            assert sorted(traces) == sorted(listed) == sorted(span.trace_id for span in spans), (order, ascending)

    async def test_a_trace_that_grows_moves(self, store: Store) -> None:
        small, large = make_generation(cost=Decimal(1)), make_generation(cost=Decimal(2))
        await store.write_spans([small, large])
        query = TraceQuery(project="default", order="cost")
        assert [trace.cost for trace in await _traces(store, query)] == [2, 1]
        await store.write_spans([replace(small, span_id=new_span_id(), cost=Decimal(3))])
        grown = await _traces(store, query)
        assert [trace.trace_id for trace in grown] == [small.trace_id, large.trace_id]
        assert [trace.cost for trace in grown] == [4, 2]

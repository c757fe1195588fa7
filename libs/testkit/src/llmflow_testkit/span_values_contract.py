"""What every `Store` finds by values that many spans have, hardly any, or none. A subclass of `SpanValuesContract` runs
on every kind of database."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

import asyncpg
import pytest

from llmflow_core.filters import parse_filter
from llmflow_core.spans import Span, SpanKind
from llmflow_store import SpanQuery, Store, TraceQuery
from llmflow_store.filter_sql import Arguments, span_condition
from llmflow_store.port import OrderedBy
from llmflow_store.span_values import index_tells, read_by_pages
from llmflow_testkit.spans import make_generation, random_spans
from llmflow_testkit.store_suite import StoreSuite

_DAY_NS = 86_400_000_000_000
_ORDERS: Sequence[tuple[OrderedBy, bool]] = [
    ("time", False),
    ("time", True),
    ("duration", False),
    ("duration", True),
    ("cost", True),
]
#: Filters with the spans that they are to find.
_FOUND: Mapping[str, Callable[[Span], bool]] = {
    "user:ada": lambda span: span.user_id == "ada",
    "user:ida": lambda span: span.user_id == "ida",
    "user:nobody": lambda _: False,
    "session:s-9 status:error": lambda span: span.session_id == "s-9" and span.status == "error",
    "error:timeout": lambda span: span.error_type == "timeout",
    "error:never": lambda _: False,
    "release:2.0,9.9": lambda span: span.release == "2.0",
    "http:>=500": lambda span: (span.http_status or 0) >= 500,
    "prompt:*": lambda span: span.prompt_name is not None,
    "cost:>0.009": lambda span: (span.cost or 0) > Decimal("0.009"),
    "user:i*": lambda span: (span.user_id or "").startswith("i"),
    "-user:ada -user:bob": lambda span: span.user_id not in ("ada", "bob"),
    "finish:never": lambda _: False,
    "model:gpt-4o": lambda span: (span.model or span.response_model) == "gpt-4o",
    "model:gpt-4o status:error": lambda span: span.model == "gpt-4o" and span.status == "error",
    "model:gpt-4o -user:ada": lambda span: span.model == "gpt-4o" and span.user_id != "ada",
    "tag:odd": lambda span: "odd" in span.tags,
    "tag:a user:ida": lambda span: "a" in span.tags and span.user_id == "ida",
}
#: Conditions of which a summary does not tell whether a trace fulfils them, and of which two spans may fulfil two.
_FOUND_IN_TRACES = [
    ("error:timeout",),
    ("error:never",),
    ("release:2.0,9.9",),
    ("http:>=500",),
    ("prompt:*",),
    ("prompt:*", "error:timeout"),
]
#: One filter for every field that the index has.
_BY_FIELD = [
    *(f"{name}:x" for name in ("name", "service", "scope", "error", "provider", "user", "session", "environment")),
    *("release:x", "prompt:x", "prompt_version:x", "type:tool", "status:ok", "kind:server", "http:404", "http:>=500"),
]


def _spans() -> list[Span]:
    """Spans of some days, few of which have what is rare."""
    rng = random.Random(17)
    spans = random_spans(rng, 70, traces=30)
    for span in spans:
        span.start_time_ns -= rng.randrange(3) * _DAY_NS
        span.http_status = rng.choice([None, 200])
    for number, span in enumerate(rng.sample(spans, 12)):
        span.user_id, span.session_id = "ida", "s-9"
        span.error_type = "timeout" if number < 5 else None
        span.release = "2.0" if number % 3 == 0 else None
        span.http_status = 503 if number == 7 else 404
        span.prompt_name = "greeting" if number in (2, 9) else None
        span.tags = ["odd", *span.tags] if number % 2 else span.tags
    return spans


async def _write(store: Store, url: str) -> list[Span]:
    """Spans, of which the index has only the older half; another project has the same values."""
    spans = _spans()
    other = replace(make_generation(user_id="nobody", error_type="never", release="9.9", tags=["odd"]), project="other")
    await store.write_spans([*spans[:40], other])
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("VACUUM spans")
    finally:
        await connection.close()
    await store.write_spans(spans[40:])
    return spans


def _sorted(spans: Sequence[Span], order: OrderedBy, *, ascending: bool) -> list[tuple[object, ...]]:
    """The keys of `spans`, in the order of a list."""

    def by_time(span: Span) -> tuple[int, bytes, bytes]:
        return span.start_time_ns, span.span_id, span.trace_id

    def value(span: Span) -> float:
        return float({"time": 1, "duration": span.duration_ns, "cost": span.cost or 0}[order])

    with_value = sorted(filter(value, spans), key=lambda span: (value(span), by_time(span)), reverse=not ascending)
    without = sorted((span for span in spans if not value(span)), key=by_time, reverse=True)
    return [span.key for span in (*with_value, *without)]


async def _listed(store: Store, query: SpanQuery) -> list[tuple[object, ...]]:
    """The keys of all pages."""
    found: list[tuple[object, ...]] = []
    while True:
        page = await store.list_spans(query)
        found += [span.key for span in page.spans]
        if page.next is None:
            return found
        query = replace(query, after=page.next)


async def _traces(store: Store, query: TraceQuery) -> list[bytes]:
    """The ids of all pages."""
    found: list[bytes] = []
    while True:
        page = await store.list_traces(query)
        found += [trace.trace_id for trace in page.traces]
        if page.next is None:
            return found
        query = replace(query, after=page.next)


class SpanValuesContract(StoreSuite):
    """The suite."""

    @pytest.mark.parametrize("many", [5000, 0], ids=["few", "many"])
    async def test_rare_and_common_values_of_spans_are_found_in_every_order(
        self, store: Store, database_url: str, monkeypatch: pytest.MonkeyPatch, many: int
    ) -> None:
        monkeypatch.setattr("llmflow_store.search._MANY", many)
        monkeypatch.setattr("llmflow_store.span_search._FIRST", 9)
        monkeypatch.setattr("llmflow_store.span_search._MORE", 25)
        monkeypatch.setattr("llmflow_store.span_search._MANY", many)
        spans = await _write(store, database_url)
        for text, holds in _FOUND.items():
            expected = list(filter(holds, spans))
            for order, ascending in _ORDERS:
                query = SpanQuery(
                    project="default", filter=parse_filter(text), order=order, ascending=ascending, limit=7
                )
                assert await _listed(store, query) == _sorted(expected, order, ascending=ascending), (text, order)

    @pytest.mark.parametrize("many", [5000, 0], ids=["few", "many"])
    async def test_traces_are_found_by_rare_values_of_their_spans(
        self, store: Store, database_url: str, monkeypatch: pytest.MonkeyPatch, many: int
    ) -> None:
        monkeypatch.setattr("llmflow_store.search._MANY", many)
        monkeypatch.setattr("llmflow_store.trace_search._BATCHES", (1, 2, 3))
        spans = await _write(store, database_url)
        for order, ascending in _ORDERS:
            everything = TraceQuery(project="default", order=order, ascending=ascending, limit=2)
            in_order = await _traces(store, everything)
            for conditions in _FOUND_IN_TRACES:
                held = [{span.trace_id for span in filter(_FOUND[one], spans)} for one in conditions]
                expected = [trace_id for trace_id in in_order if all(trace_id in ids for ids in held)]
                query = replace(everything, filter=parse_filter(" ".join(conditions)))
                assert await _traces(store, query) == expected, (conditions, order)

    async def test_the_index_answers_for_every_field_it_has(self, store: Store, database_url: str) -> None:
        await store.write_spans([make_generation(kind=SpanKind.SERVER)])
        connection = await asyncpg.connect(database_url)
        try:
            for text in _BY_FIELD:
                parsed, arguments = parse_filter(text), Arguments()
                condition = span_condition(parsed, arguments)
                async with read_by_pages(connection):
                    explained = await connection.fetch(
                        f"EXPLAIN SELECT FROM spans AS s WHERE {condition}",
                        *arguments.values,
                    )
                plan = "\n".join(line for (line,) in explained)
                assert index_tells(parsed)
                assert "spans_values" in plan, text
                assert "Filter:" not in plan, text
        finally:
            await connection.close()

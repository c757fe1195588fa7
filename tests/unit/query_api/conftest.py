"""A store in memory that keeps the port's promises, and the application over it."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any, cast

import pytest
from litestar import Litestar
from litestar.testing import AsyncTestClient

from llmflow_core.filters import Filter
from llmflow_core.spans import ObservationType, Span, Status
from llmflow_query_api import auth, key_access
from llmflow_query_api.settings import QueryApiSettings
from llmflow_query_api.throttle import Throttle
from llmflow_store import (
    SpanPage,
    SpanQuery,
    Store,
    Trace,
    TraceCursor,
    TracePage,
    TraceQuery,
    TraceSummary,
    WriteResult,
)
from llmflow_store.analytics import Facets, FacetValue
from llmflow_store.port import SpanOutline, TraceOutline
from llmflow_store.scores import ScorePage, ScoreQuery
from llmflow_store.usage import UsageTotals
from llmflow_testkit.memory_administration import MemoryAdministration
from llmflow_testkit.query_api_app import query_api_app

USER = ("llmflow", "a long password")


class MemoryStore(MemoryAdministration):
    """The port's promises without a database."""

    def __init__(self) -> None:
        super().__init__()
        self.secrets: dict[str, bytes] = {}
        self.closed = False

    async def write_spans(self, spans: Sequence[Span]) -> WriteResult:
        before = len(self.spans)
        for span in spans:
            self.spans.setdefault(span.key, span)
        inserted = len(self.spans) - before
        return WriteResult(inserted, len(spans) - inserted)

    async def list_traces(self, query: TraceQuery) -> TracePage:
        self._fail()
        traces = {(span.project, span.trace_id) for span in self.spans.values() if span.project == query.project}
        summaries = sorted((self._summary(*key) for key in traces), key=_position, reverse=True)
        found = [s for s in summaries if _matches(s, self._of(s.project, s.trace_id), query)]
        page = found[: query.limit]
        more = len(found) > query.limit
        return TracePage(page, TraceCursor(page[-1].start_time_ns, page[-1].trace_id) if more else None)

    async def get_trace(self, project: str, trace_id: bytes) -> Trace | None:
        self._fail()
        spans = self._of(project, trace_id)
        return Trace(self._summary(project, trace_id), [replace(s, content={}) for s in spans]) if spans else None

    async def get_outline(self, project: str, trace_id: bytes) -> TraceOutline | None:
        trace = await self.get_trace(project, trace_id)
        return TraceOutline(trace.summary, [_outline(span) for span in trace.spans]) if trace else None

    async def get_span(self, project: str, trace_id: bytes, span_id: bytes) -> Span | None:
        self._fail()
        return next((span for span in self._of(project, trace_id) if span.span_id == span_id), None)

    async def list_spans(self, query: SpanQuery) -> SpanPage:
        self._fail()
        found = [span for span in self.spans.values() if span.project == query.project]
        return SpanPage(sorted(found, key=lambda span: span.start_time_ns, reverse=True)[: query.limit], None)

    async def facets(
        self, project: str, from_time: datetime, to_time: datetime, filter_by: Filter | None = None
    ) -> Facets:
        self._fail()
        models = Counter(span.model for span in self.spans.values() if span.project == project and span.model)
        return Facets({"model": [FacetValue(model, count) for model, count in models.most_common()]}, sampled=False)

    async def list_scores(self, _: ScoreQuery) -> ScorePage:
        self._fail()
        return ScorePage([], None)

    async def usage_totals(self) -> UsageTotals:
        self._fail()
        return UsageTotals([], [], [])

    async def secret(self, name: str) -> bytes:
        self._fail()
        return self.secrets.setdefault(name, os.urandom(32))

    async def healthy(self) -> bool:
        return self.failure is None

    async def close(self) -> None:
        self.closed = True

    def _of(self, project: str, trace_id: bytes) -> list[Span]:
        spans = [s for s in self.spans.values() if s.project == project and s.trace_id == trace_id]
        return sorted(spans, key=lambda span: span.start_time_ns)

    def _summary(self, project: str, trace_id: bytes) -> TraceSummary:
        spans = self._of(project, trace_id)
        root = next((span for span in spans if span.parent_span_id is None), None)
        first = root or spans[0]
        costs = [span.cost for span in spans if span.cost is not None]
        return TraceSummary(
            project=project,
            trace_id=trace_id,
            name=first.name,
            service=first.service,
            has_root=root is not None,
            start_time_ns=min(span.start_time_ns for span in spans),
            end_time_ns=max(span.end_time_ns for span in spans),
            span_count=len(spans),
            error_count=sum(span.status == Status.ERROR for span in spans),
            generation_count=sum(span.observation_type == ObservationType.GENERATION for span in spans),
            input_tokens=sum(span.input_tokens or 0 for span in spans),
            output_tokens=sum(span.output_tokens or 0 for span in spans),
            cost=sum(costs, Decimal(0)) if costs else None,
            unpriced_count=sum(span.cost is None and span.input_tokens is not None for span in spans),
            models=sorted({span.model for span in spans if span.model}),
            user_id=first.user_id,
            session_id=first.session_id,
            tags=sorted({tag for span in spans for tag in span.tags}),
            environment=first.environment,
            input_preview=first.input_preview,
            output_preview=first.output_preview,
        )


def _outline(span: Span) -> SpanOutline:
    return SpanOutline._make(getattr(span, name) for name in SpanOutline._fields)


def _position(summary: TraceSummary) -> tuple[int, bytes]:
    return summary.start_time_ns, summary.trace_id


def _matches(summary: TraceSummary, spans: Sequence[Span], query: TraceQuery) -> bool:
    start = summary.start_time_ns
    return (
        (query.after is None or _position(summary) < (query.after.start_time_ns, query.after.trace_id))
        and (query.from_time is None or start >= query.from_time.timestamp() * 1e9)
        and (query.to_time is None or start < query.to_time.timestamp() * 1e9)
        and (query.model is None or query.model in summary.models)
        and (query.service is None or query.service in {span.service for span in spans})
        and (query.user_id is None or query.user_id == summary.user_id)
        and (query.session_id is None or query.session_id == summary.session_id)
        and (not query.errors_only or summary.error_count > 0)
    )


@pytest.fixture
def store() -> Store:
    """Logs, metrics and the writing of scores are tested over a database."""
    return cast(Store, MemoryStore())


@pytest.fixture
def break_store(store: MemoryStore) -> Callable[[Exception], None]:
    """Makes every later call of the store raise."""

    def break_it(failure: Exception) -> None:
        store.failure = failure

    return break_it


@pytest.fixture
def unending_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who has to wait after failed logins has to until the test ends, however long that takes."""
    for module in (auth, key_access):
        monkeypatch.setattr(module, "Throttle", partial(Throttle, clock=lambda: 0.0))


@pytest.fixture
def settings() -> QueryApiSettings:
    return QueryApiSettings(auth_password=USER[1], host="127.0.0.1", alerts_poll_seconds=0)


@pytest.fixture
def make_client(store: Store, settings: QueryApiSettings) -> Iterator[Callable[..., AsyncTestClient[Litestar]]]:
    """A client of a new application over `store`; keywords change its settings or, as `base_url`, where it runs."""
    with ExitStack() as apps:

        def make(*, base_url: str = "http://testserver.local", **changes: Any) -> AsyncTestClient[Litestar]:
            changed = QueryApiSettings(**{**settings.model_dump(), **changes})
            app = apps.enter_context(query_api_app(changed, store=store))
            return AsyncTestClient(app, base_url=base_url, raise_server_exceptions=False)

        yield make


@pytest.fixture
async def anonymous(make_client: Callable[..., AsyncTestClient[Litestar]]) -> AsyncIterator[AsyncTestClient[Litestar]]:
    """A client that has not logged in."""
    async with make_client() as client:
        yield client


@pytest.fixture
async def client(anonymous: AsyncTestClient[Litestar]) -> AsyncTestClient[Litestar]:
    """A client that sends HTTP Basic."""
    anonymous.auth = USER
    return anonymous

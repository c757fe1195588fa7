"""What every `Store` promises. A subclass of `StoreContract` in a test module runs on every kind of database."""

from __future__ import annotations

import asyncio
import math
import random
import secrets
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import asyncpg
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from llmflow_core.errors import LLMFlowError, Permanent, Retryable
from llmflow_core.ids import new_span_id, new_trace_id
from llmflow_core.spans import Span
from llmflow_store import (
    Store,
    TraceCursor,
    TraceQuery,
    TraceSummary,
    WriteResult,
    open_store,
    project_removal,
    retention_pieces,
)
from llmflow_store.administration import Actor
from llmflow_store.migrations import migrate
from llmflow_store.port import SpanOutline
from llmflow_testkit.ports import free_port
from llmflow_testkit.recount import assert_rollups_match
from llmflow_testkit.spans import NOON, NOON_NS, make_generation, make_span, random_spans
from llmflow_testkit.store_suite import StoreSuite

SECOND = 1_000_000_000


async def trace_ids(store: Store, query: TraceQuery) -> list[bytes]:
    """The ids of all traces that `query` finds, page by page."""
    found: list[bytes] = []
    while True:
        page = await store.list_traces(query)
        found += [trace.trace_id for trace in page.traces]
        if page.next is None:
            return found
        query = replace(query, after=page.next)


async def summary_of(store: Store, trace_id: bytes, project: str = "default") -> TraceSummary:
    """The summary of a trace that must exist."""
    trace = await store.get_trace(project, trace_id)
    assert trace is not None
    return trace.summary


class StoreContract(StoreSuite):
    """The suite."""

    async def test_every_field_survives(self, store: Store) -> None:
        span = make_generation(parent_span_id=new_span_id())
        bare = make_span(trace_id=span.trace_id, start_time_ns=NOON_NS + 1)
        assert await store.write_spans([bare, span]) == WriteResult(inserted=2, duplicates=0)

        assert await store.get_span("default", span.trace_id, span.span_id) == span
        assert await store.get_span("default", bare.trace_id, bare.span_id) == bare
        trace = await store.get_trace("default", span.trace_id)
        assert trace is not None
        assert trace.spans == [replace(span, content={}, input_preview=None, output_preview=None), bare]
        outline = await store.get_outline("default", span.trace_id)
        assert outline is not None
        assert outline.summary == trace.summary
        assert outline.spans == [tuple(getattr(s, name) for name in SpanOutline._fields) for s in (span, bare)]

    async def test_what_is_not_there_is_none(self, store: Store) -> None:
        span = make_span()
        await store.write_spans([span])
        assert await store.get_trace("default", new_trace_id()) is None
        assert await store.get_trace("default\0", span.trace_id) is None
        assert await store.get_outline("default", new_trace_id()) is None
        assert await store.get_span("default", span.trace_id, new_span_id()) is None
        assert await store.get_span("default", new_trace_id(), span.span_id) is None
        assert await store.write_spans([]) == WriteResult(inserted=0, duplicates=0)

    async def test_a_summary_tells_the_whole_trace(self, store: Store) -> None:
        root = make_span(name="POST /ask", service="web", duration_ns=9 * SECOND, tags=["b"], user_id="ada")
        within: dict[str, Any] = {"trace_id": root.trace_id, "parent_span_id": root.span_id}
        priced = make_generation(**within, start_time_ns=NOON_NS + 1, tags=["c", "a"])
        failed = make_generation(**within, start_time_ns=NOON_NS + 2, model="mine", status="error", cost=None, tags=[])
        await store.write_spans([failed, root, priced])

        page = await store.list_traces(TraceQuery(project="default"))
        expected = TraceSummary(
            project="default",
            trace_id=root.trace_id,
            name="POST /ask",
            service="web",
            has_root=True,
            start_time_ns=NOON_NS,
            end_time_ns=NOON_NS + 9 * SECOND,
            span_count=3,
            error_count=1,
            generation_count=2,
            input_tokens=2400,
            output_tokens=690,
            cost=Decimal("0.00572500001"),
            unpriced_count=1,
            models=["gpt-4o", "mine"],
            user_id="ada",
            session_id="s-1",
            tags=["a", "b", "c"],
            environment="production",
            input_preview="hello",
            output_preview="good day",
        )
        assert page.traces == [expected]
        assert page.next is None
        assert await summary_of(store, root.trace_id) == expected

    async def test_previews_are_the_roots_or_the_first_generations(self, store: Store) -> None:
        root = make_span(input_preview="question", output_preview=None)
        within: dict[str, Any] = {"trace_id": root.trace_id, "parent_span_id": root.span_id}
        first = make_generation(**within, start_time_ns=NOON_NS + 5, input_preview="first", output_preview="one")
        second = make_generation(**within, start_time_ns=NOON_NS + 6, input_preview="second", output_preview="two")
        for span in (second, first, root):
            await store.write_spans([span])
        summary = await summary_of(store, root.trace_id)
        assert (summary.input_preview, summary.output_preview) == ("question", "one")

    async def test_a_replay_changes_nothing(self, store: Store, database_url: str) -> None:
        spans = [make_generation(), make_span(), make_generation(status="error")]
        assert await store.write_spans(spans) == WriteResult(inserted=3, duplicates=0)
        before = [await summary_of(store, span.trace_id) for span in spans]
        other = [replace(spans[0], name="other", cost=Decimal(9), content={"x": "y"}), *spans[1:]]
        assert await store.write_spans(other) == WriteResult(inserted=0, duplicates=3)
        assert [await summary_of(store, span.trace_id) for span in spans] == before
        assert await store.get_span("default", spans[0].trace_id, spans[0].span_id) == spans[0]
        assert await assert_rollups_match(database_url) == 3

    async def test_a_replay_brings_no_content_to_a_span_without(self, store: Store, database_url: str) -> None:
        span = make_span()
        await store.write_spans([span])
        await store.write_spans([replace(span, content={"input.value": "late"}), make_span()])
        assert await store.get_span("default", span.trace_id, span.span_id) == span
        assert await assert_rollups_match(database_url) == 2

    async def test_a_removed_span_can_come_again_before_its_content_is_removed(
        self, store: Store, database_url: str
    ) -> None:
        back, new = make_generation(), make_generation()
        await store.write_spans([back])
        connection = await asyncpg.connect(database_url)
        for table in ("traces", "spans"):
            await connection.execute(f"DELETE FROM {table}")
        await connection.close()
        assert await store.write_spans([back, new]) == WriteResult(inserted=2, duplicates=0)
        for span in (back, new):
            assert await store.get_span("default", span.trace_id, span.span_id) == span

    async def test_of_duplicates_in_one_call_the_first_counts(self, store: Store, database_url: str) -> None:
        span = make_generation()
        twin = replace(span, start_time_ns=span.start_time_ns + 1)
        result = await store.write_spans([span, replace(span, name="again"), twin, span])
        assert result == WriteResult(inserted=2, duplicates=2)
        assert await store.get_span("default", span.trace_id, span.span_id) == span
        assert await assert_rollups_match(database_url) == 2

    async def test_a_late_root_takes_the_lead(self, store: Store) -> None:
        root = make_span(name="root", service="web", start_time_ns=NOON_NS - SECOND, duration_ns=5 * SECOND)
        child = make_span(name="child", service="db", trace_id=root.trace_id, parent_span_id=root.span_id)
        elder = replace(child, name="elder", span_id=new_span_id(), start_time_ns=NOON_NS - 1)
        seen = []
        for span in (child, elder, root):
            await store.write_spans([span])
            summary = await summary_of(store, root.trace_id)
            seen.append((summary.name, summary.service, summary.has_root, summary.start_time_ns, summary.end_time_ns))
        assert seen == [
            ("child", "db", False, NOON_NS, NOON_NS + SECOND),
            ("elder", "db", False, NOON_NS - 1, NOON_NS + SECOND),
            ("root", "web", True, NOON_NS - SECOND, NOON_NS + 4 * SECOND),
        ]

    async def test_the_order_of_arrival_does_not_matter(self, store: Store) -> None:
        rng = random.Random(5)
        spans = random_spans(rng, 60, project="one")
        shuffled = [replace(span, project="two") for span in rng.sample(spans, len(spans))]
        await store.write_spans(spans)
        for span in shuffled:
            await store.write_spans([span])
        one = (await store.list_traces(TraceQuery(project="one"))).traces
        two = (await store.list_traces(TraceQuery(project="two"))).traces
        assert one == [replace(trace, project="one") for trace in two]

    async def test_concurrent_writers_store_each_span_once(self, database_url: str) -> None:
        rng = random.Random(11)
        spans = random_spans(rng, 400, traces=20)
        stores = [open_store(database_url, max_size=2) for _ in range(4)]

        async def write(store: Store, order: Sequence[Span]) -> int:
            batches = [order[at : at + 50] for at in range(0, len(order), 50)]
            return sum([(await store.write_spans(batch)).inserted for batch in batches])

        try:
            inserted = await asyncio.gather(
                *(write(store, rng.sample(spans, len(spans))) for store in stores for _ in range(2))
            )
        finally:
            await asyncio.gather(*(store.close() for store in stores))
        assert sum(inserted) == len({span.key for span in spans})
        assert await assert_rollups_match(database_url) == sum(inserted)

    @settings(
        max_examples=12,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )
    @given(seed=st.integers(0, 2**32), size=st.integers(1, 30), splits=st.lists(st.integers(0, 60), max_size=5))
    async def test_any_split_and_replay_gives_the_same(
        self, store: Store, database_url: str, seed: int, size: int, splits: list[int]
    ) -> None:
        rng = random.Random(seed)
        spans = random_spans(rng, size, project=secrets.token_hex(8))
        sent = rng.sample([*spans, *spans], 2 * size)
        cuts = [0, *sorted(cut for cut in splits if cut < len(sent)), len(sent)]
        results = [await store.write_spans(sent[a:b]) for a, b in pairwise(cuts)]
        results.append(await store.write_spans(spans))
        assert sum(result.inserted for result in results) == len({span.key for span in spans})
        assert sum(result.inserted + result.duplicates for result in results) == 3 * size
        await assert_rollups_match(database_url)

    async def test_pages_are_stable_while_data_arrives(self, store: Store) -> None:
        same_start = [make_span() for _ in range(6)]
        others = [make_span(start_time_ns=NOON_NS - n * SECOND) for n in range(1, 7)]
        await store.write_spans([*others, *same_start])
        expected = [span.trace_id for span in sorted([*same_start, *others], key=_newest_first)]

        seen: list[bytes] = []
        after: TraceCursor | None = None
        while True:
            page = await store.list_traces(TraceQuery(project="default", limit=5, after=after))
            seen += [trace.trace_id for trace in page.traces]
            if page.next is None:
                break
            after = page.next
            newer = make_span(start_time_ns=NOON_NS + SECOND)
            late = make_span(trace_id=seen[0], parent_span_id=new_span_id(), start_time_ns=NOON_NS + SECOND)
            await store.write_spans([newer, late])
        assert seen == expected

    async def test_a_full_last_page_has_no_next(self, store: Store) -> None:
        await store.write_spans([make_span(), make_span()])
        assert (await store.list_traces(TraceQuery(project="default", limit=2))).next is None
        assert (await store.list_traces(TraceQuery(project="default", limit=1))).next is not None

    async def test_filters_are_anded(self, store: Store) -> None:
        plain = make_span(service="web", user_id="bob")
        generation = make_generation(session_id="s-2")
        failed = make_generation(status="error", model=None, service="batch", start_time_ns=NOON_NS - SECOND)
        await store.write_spans([plain, generation, failed])

        async def found(**conditions: Any) -> set[bytes]:
            return set(await trace_ids(store, TraceQuery(project="default", **conditions)))

        assert await found() == {plain.trace_id, generation.trace_id, failed.trace_id}
        assert await found(model="gpt-4o") == {generation.trace_id}
        assert await found(model="gpt-4o-2024-08-06") == {failed.trace_id}
        assert await found(service="web") == {plain.trace_id}
        assert await found(user_id="ada") == {generation.trace_id, failed.trace_id}
        assert await found(user_id="ada", session_id="s-1") == {failed.trace_id}
        assert await found(errors_only=True) == {failed.trace_id}
        assert await found(errors_only=True, service="web") == set()
        assert await found(user_id="ada\0") == set()
        microsecond = timedelta(microseconds=1)
        assert await found(from_time=NOON) == {plain.trace_id, generation.trace_id}
        assert await found(from_time=NOON + microsecond) == set()
        assert await found(to_time=NOON) == {failed.trace_id}
        assert await found(to_time=datetime(2100, 1, 1, tzinfo=UTC)) == await found()

    async def test_odd_text_and_json_are_represented(self, store: Store, database_url: str) -> None:
        odd = make_generation(
            name="nul\0 and \ud800 surrogate",
            model="m" * 5000,
            user_id="ü" * 5000,
            tags=["a\0b", "\udfff"],
            input_tokens=2**70,
            output_tokens=-1,
            cost=Decimal("NaN"),
            tokens_per_second=math.inf,
            http_status=2**40,
            duration_ns=2**64,
            kind=70_000,
            attributes={
                "nul\0": "a\0b",
                "float": [math.nan, math.inf, -math.inf, 1e308, 5e-324],
                "integer": [2**63, 2**64, -(2**63) - 1],
                "text": ["\ud83d\ude00", "\udc00", "literal \\u0000", "null", None],
            },
            content={"input.value": "\0\ud800", "deep": {"k\0": [{"x": "\0"}]}},
            input_preview="\0",
        )
        neighbour = make_generation()
        assert (await store.write_spans([odd, neighbour])).inserted == 2
        back = await store.get_span("default", odd.trace_id, odd.span_id)
        assert back is not None
        assert back.name == "nul\ufffd and \ufffd surrogate"
        assert (back.model, back.user_id, back.tags) == ("m" * 512, "ü" * 256, ["a\ufffdb", "\ufffd"])
        assert (back.input_tokens, back.output_tokens, back.cost, back.tokens_per_second) == (None, None, None, None)
        assert (back.http_status, back.end_time_ns, back.kind) == (None, 2**63 - 1, 0)
        assert back.attributes == {
            "nul\ufffd": "a\ufffdb",
            "float": ["NaN", "Infinity", "-Infinity", 1e308, 5e-324],
            "integer": [2**63, str(2**64), str(-(2**63) - 1)],
            "text": ["\U0001f600", "\ufffd", "literal \\u0000", "null", None],
        }
        assert back.content == {"input.value": "\ufffd\ufffd", "deep": {"k\ufffd": [{"x": "\ufffd"}]}}
        assert back.input_preview == "\ufffd"
        assert await trace_ids(store, TraceQuery(project="default", model="m" * 5000)) == [odd.trace_id]
        assert await store.get_span("default", neighbour.trace_id, neighbour.span_id) == neighbour
        assert await assert_rollups_match(database_url) == 2

    @pytest.mark.parametrize(
        "wrong",
        [
            {"trace_id": b"short"},
            {"span_id": b"123456789"},
            {"parent_span_id": b""},
            {"start_time_ns": -1},
            {"start_time_ns": 2**63},
            {"project": ""},
            {"project": "a\0"},
            {"project": "x" * 256},
        ],
        ids=str,
    )
    async def test_a_span_that_fits_no_row_is_permanent(
        self, store: Store, database_url: str, wrong: dict[str, Any]
    ) -> None:
        with pytest.raises(Permanent):
            await store.write_spans([make_span(), make_span(**wrong)])
        assert await assert_rollups_match(database_url) == 0

    async def test_projects_are_apart(self, store: Store, database_url: str) -> None:
        mine, yours = make_generation(project="mine"), make_generation(project="yours")
        twin = replace(mine, project="yours", name="twin")
        await store.write_spans([mine, yours, twin])
        assert [project.name for project in await store.list_projects()] == ["default", "mine", "yours"]
        assert await trace_ids(store, TraceQuery(project="mine")) == [mine.trace_id]
        assert await store.get_trace("mine", yours.trace_id) is None
        assert await store.get_span("mine", yours.trace_id, yours.span_id) is None
        assert await store.get_span("yours", mine.trace_id, mine.span_id) == twin
        assert await assert_rollups_match(database_url) == 3

    async def test_a_deleted_project_leaves_nothing(self, store: Store, database_url: str) -> None:
        gone = [make_generation(project="gone") for _ in range(3)]
        kept = make_generation(project="kept")
        await store.write_spans([*gone, kept])
        assert await store.delete_project("gone", by=Actor("test")) == 3
        assert [project.name for project in await store.list_projects()] == ["default", "kept"]
        assert await trace_ids(store, TraceQuery(project="gone")) == []
        assert await assert_rollups_match(database_url) == 1
        assert await store.delete_project("gone", by=Actor("test")) == 0
        assert (await store.write_spans(gone)).inserted == 3
        assert await assert_rollups_match(database_url) == 4

    async def test_a_project_is_deleted_in_steps_that_survive_a_failure(
        self, store: Store, database_url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(project_removal, "_ROWS", 2)
        spans = [make_generation(project="gone") for _ in range(5)]
        await store.write_spans([*spans, make_generation(project="kept")])
        connection = await asyncpg.connect(database_url)
        try:
            # The second table with rows fails after the first is empty.
            await connection.execute(
                "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''full''; END';"
                " CREATE TRIGGER fail BEFORE DELETE ON traces FOR EACH ROW EXECUTE FUNCTION fail()"
            )
            with pytest.raises(LLMFlowError):
                await store.delete_project("gone", by=Actor("test"))
            assert await connection.fetchval("SELECT count(*) FROM spans WHERE project = 'gone'") == 0
            assert "gone" in [project.name for project in await store.list_projects()]
            await connection.execute("DROP TRIGGER fail ON traces; DROP FUNCTION fail")
        finally:
            await connection.close()
        assert await store.delete_project("gone", by=Actor("test")) == 0
        assert [project.name for project in await store.list_projects()] == ["default", "kept"]
        assert await assert_rollups_match(database_url) == 1

    async def test_deleting_a_project_leaves_what_others_write_meanwhile(
        self, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # The first rows of all, each at the same place in its chunk.
        gone = make_generation(project="gone")
        kept = make_generation(project="kept", start_time_ns=NOON_NS - 86_400 * 3 * SECOND)
        find_chunks = retention_pieces.chunks

        async def write_then(connection: asyncpg.Connection[Any]) -> dict[str, list[retention_pieces.Chunk]]:
            found = await find_chunks(connection)
            await store.write_spans([gone, kept])
            return found

        monkeypatch.setattr(retention_pieces, "chunks", write_then)
        assert await store.delete_project("gone", by=Actor("test")) == 1
        assert await store.get_span("kept", kept.trace_id, kept.span_id) == kept
        assert await store.get_span("gone", gone.trace_id, gone.span_id) is None

    async def test_a_secret_is_the_same_for_everybody(self, store: Store, database_url: str) -> None:
        other = open_store(database_url)
        try:
            values = await asyncio.gather(*(one.secret("cookie") for one in (store, other) * 4))
        finally:
            await other.close()
        assert len(set(values)) == 1
        assert len(values[0]) == 32
        assert await store.secret("another") != values[0]

    async def test_migrating_again_or_at_once_is_safe(self, empty_database_url: str) -> None:
        applied = await asyncio.gather(*(migrate(empty_database_url) for _ in range(4)))
        assert sorted(map(len, applied)) == [0, 0, 0, len(max(applied, key=len))]
        assert await migrate(empty_database_url) == []
        store = open_store(empty_database_url)
        try:
            await store.write_spans([make_generation()])
            assert await migrate(empty_database_url, chunk_interval=timedelta(hours=6)) == []
            await store.write_spans([make_generation()])
        finally:
            await store.close()
        assert await assert_rollups_match(empty_database_url) == 2

    async def test_it_is_healthy_only_with_its_schema(self, empty_database_url: str) -> None:
        store = open_store(empty_database_url)
        try:
            assert not await store.healthy()
            with pytest.raises(Retryable):
                await store.write_spans([make_span()])
            await migrate(empty_database_url)
            assert await store.healthy()
            assert (await store.write_spans([make_span()])).inserted == 1
        finally:
            await store.close()
            await store.close()

    async def test_without_a_server_it_is_unhealthy_and_retryable(self) -> None:
        store = open_store(f"postgresql://nobody@127.0.0.1:{free_port()}/none")
        try:
            assert not await store.healthy()
            with pytest.raises(Retryable):
                await store.write_spans([make_span()])
            with pytest.raises(Retryable):
                await store.list_traces(TraceQuery(project="default"))
        finally:
            await store.close()


def _newest_first(span: Span) -> tuple[int, int]:
    return (-span.start_time_ns, -int.from_bytes(span.trace_id))

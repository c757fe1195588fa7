"""What every `Store` promises of totals. A subclass of `UsageContract` in a test module runs on every kind of
database."""

from __future__ import annotations

import asyncio
import threading
import time
from decimal import Decimal
from typing import Any

import pytest

from llmflow_core.ids import new_trace_id
from llmflow_core.spans import CALLS_OF_BATCH, Score, Span, SpanKind
from llmflow_store import Store
from llmflow_store.administration import Actor
from llmflow_store.batches import SpanBatch
from llmflow_store.nested_calls import counted_elsewhere
from llmflow_store.prometheus_sql import MOST_SETS, OTHER
from llmflow_store.sketch import quantile
from llmflow_testkit.recount import assert_rollups_match
from llmflow_testkit.spans import NOON_NS, make_generation, make_span
from llmflow_testkit.store_suite import StoreSuite

SECOND = 1_000_000_000


class UsageContract(StoreSuite):
    """The suite."""

    async def test_calls_are_counted_once(self, store: Store) -> None:
        chat = {"gen_ai.operation.name": "chat"}
        spans = [
            make_generation(attributes=chat, duration_ns=SECOND),
            make_generation(attributes=chat, duration_ns=3 * SECOND, model=None, response_model="gpt-4o"),
            make_generation(attributes=chat, status="error", duration_ns=SECOND, time_to_first_token_ns=None),
            make_generation(observation_type="embedding", input_tokens=7, output_tokens=None),
            make_span(observation_type="agent", input_tokens=5),
        ]
        await store.write_spans(spans[:2])
        await store.write_spans(spans)
        calls = {(call.endpoint, call.status): call for call in (await store.usage_totals()).calls}
        assert set(calls) == {("chat", "success"), ("chat", "error"), ("embedding", "success")}
        succeeded = calls["chat", "success"]
        assert (succeeded.project, succeeded.model, succeeded.requests) == ("default", "gpt-4o", 2)
        assert (succeeded.input_tokens, succeeded.output_tokens) == (2400, 690)
        assert (succeeded.duration_ns_sum, succeeded.time_to_first_token_ns_sum) == (4 * SECOND, 2 * 234_567_891)
        assert 2.94 * SECOND <= (quantile(succeeded.duration_ns, 1) or 0) <= 3.06 * SECOND
        assert calls["chat", "error"].time_to_first_token_ns == {}
        assert calls["embedding", "success"].output_tokens == 0

    @pytest.mark.parametrize("proxy_first", [True, False])
    @pytest.mark.parametrize("by_request", [True, False])
    async def test_a_call_that_comes_from_program_and_proxy_counts_once(
        self, store: Store, database_url: str, proxy_first: bool, by_request: bool
    ) -> None:
        trace, tokens = {"trace_id": new_trace_id()}, {"input_tokens": 7, "output_tokens": 2, "cost": Decimal("0.5")}
        agent = make_span(observation_type="agent", **trace)
        graph = make_generation(parent_span_id=agent.span_id, **trace, **tokens)
        call = make_generation(parent_span_id=graph.span_id, **trace, **tokens)
        request = make_span(kind=SpanKind.CLIENT, parent_span_id=call.span_id, **trace)
        carried = make_generation(parent_span_id=(request if by_request else call).span_id, **trace, **tokens)
        other = make_generation(parent_span_id=agent.span_id, **trace, **tokens)
        stranger = make_generation(parent_span_id=call.span_id, project="other", **trace, **tokens)
        program, proxy = [agent, graph, call, request], [carried, other, stranger]
        for batch in (proxy, program) if proxy_first else (program, proxy):
            await store.write_spans(batch)
            await store.write_spans(batch)
        stored = await store.get_trace("default", trace["trace_id"])
        assert stored is not None
        counting = {row.span_id for row in stored.spans if row.cost is not None}
        assert counting == {other.span_id, (carried if proxy_first else call).span_id}
        assert (stored.summary.input_tokens, stored.summary.cost) == (14, Decimal(1))
        assert await assert_rollups_match(database_url) == 7

    @pytest.mark.parametrize("at_once", [True, False])
    async def test_what_an_agent_sums_up_counts_once(self, store: Store, database_url: str, at_once: bool) -> None:
        trace, tokens = {"trace_id": new_trace_id()}, {"input_tokens": 7, "output_tokens": 2}
        as_agent = {"observation_type": "agent", "kind": SpanKind.CLIENT, "duration_ns": 10 * SECOND}
        agent = make_span(**as_agent, **trace, **tokens)
        step = make_span(parent_span_id=agent.span_id, **trace)
        calls = [make_generation(parent_span_id=step.span_id, **trace, **tokens) for _ in range(2)]
        elsewhere = make_span(**as_agent, parent_span_id=step.span_id, **trace, **tokens)
        other = make_span(**as_agent, trace_id=new_trace_id(), **tokens)
        spans = [*calls, step, elsewhere, agent, other]
        for batch in [spans] if at_once else [spans[:2], spans[2:4], spans[4:]]:
            await store.write_spans(batch)
            await store.write_spans(batch)
        stored = await store.get_trace("default", trace["trace_id"])
        assert stored is not None
        counting = {row.span_id for row in stored.spans if row.input_tokens is not None}
        assert counting == {*(call.span_id for call in calls), elsewhere.span_id}
        assert stored.summary.input_tokens == 21
        alone = await store.get_trace("default", other.trace_id)
        assert alone is not None
        assert alone.summary.input_tokens == 7
        assert await assert_rollups_match(database_url) == 6

    @pytest.mark.parametrize("is_new", [True, False])
    async def test_a_call_that_two_writers_store_at_once_counts_once(
        self, store: Store, database_url: str, monkeypatch: pytest.MonkeyPatch, is_new: bool
    ) -> None:
        call = make_generation(cost=Decimal(1))
        carried = make_generation(trace_id=call.trace_id, parent_span_id=call.span_id, cost=Decimal(1))
        if not is_new:
            await store.write_spans([make_span(trace_id=call.trace_id)])
        both, looked = asyncio.Barrier(2), []

        async def look(*arguments: Any) -> Any:
            found = await counted_elsewhere(*arguments)
            looked.append(found)
            if len(looked) <= 2:
                await both.wait()
            return found

        monkeypatch.setattr("llmflow_store.writes.counted_elsewhere", look)
        await asyncio.gather(store.write_spans([call]), store.write_spans([carried]))
        stored = await store.get_trace("default", call.trace_id)
        assert stored is not None
        assert (stored.summary.span_count, stored.summary.cost) == (3 - is_new, Decimal(1))
        await assert_rollups_match(database_url)

    @pytest.mark.parametrize("at_once", [True, False])
    async def test_the_calls_of_a_providers_batch_count_once_whenever_they_began(
        self, store: Store, database_url: str, at_once: bool
    ) -> None:
        ids = {"trace_id": new_trace_id(), "span_id": b"s" * 8}
        tokens = {"input_tokens": 7, "output_tokens": 2, "cost": Decimal(1)}
        of_batch = {"attributes": {CALLS_OF_BATCH: 3}, **tokens}
        months = [NOON_NS + month * 30 * 86_400 * SECOND for month in range(3)]
        told = [make_generation(start_time_ns=start, **ids, **of_batch) for start in months]
        other = make_generation(trace_id=ids["trace_id"], start_time_ns=months[2], **of_batch)
        elsewhere = make_generation(start_time_ns=months[2], project="other", **ids, **of_batch)
        # Whoever numbers his spans himself may have two of one number.
        alike = [make_generation(start_time_ns=start, trace_id=ids["trace_id"], span_id=b"a" * 8) for start in months]
        spans = [*told, other, elsewhere, *alike]
        for batch in [spans] if at_once else [spans[:1], spans[1:4], spans[4:]]:
            await store.write_spans(batch)
            assert (await store.write_spans(batch)).inserted == 0
        assert (await store.write_spans(told[1:])).duplicates == 2
        stored = await store.get_trace("default", ids["trace_id"])
        assert stored is not None
        assert [row.start_time_ns for row in stored.spans if row.span_id == ids["span_id"]] == [months[0]]
        assert sum(row.span_id == b"a" * 8 for row in stored.spans) == 3
        assert sum(call.requests for call in (await store.usage_totals()).calls) == 6
        assert await assert_rollups_match(database_url) == 6

    @pytest.mark.parametrize("is_new", [True, False])
    async def test_the_calls_of_a_providers_batch_that_two_writers_store_at_once_count_once(
        self, store: Store, database_url: str, monkeypatch: pytest.MonkeyPatch, is_new: bool
    ) -> None:
        of_batch = {"trace_id": new_trace_id(), "span_id": b"s" * 8, "attributes": {CALLS_OF_BATCH: 3}}
        told = [make_generation(start_time_ns=NOON_NS + n, cost=Decimal(1), **of_batch) for n in range(2)]
        if not is_new:
            await store.write_spans([make_span(trace_id=of_batch["trace_id"])])
        both, looked = asyncio.Barrier(2), []

        async def look(*arguments: Any) -> Any:
            looked.append(arguments)
            if len(looked) <= 2:
                await both.wait()
            return await counted_elsewhere(*arguments)

        monkeypatch.setattr("llmflow_store.writes.counted_elsewhere", look)
        results = await asyncio.gather(*(store.write_spans([span]) for span in told))
        assert sorted(result.inserted for result in results) == [0, 1]
        stored = await store.get_trace("default", told[0].trace_id)
        assert stored is not None
        assert (stored.summary.span_count, stored.summary.cost) == (2 - is_new, Decimal(1))
        await assert_rollups_match(database_url)

    async def test_a_batch_is_made_anew_beside_the_event_loop(
        self, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        call = make_generation()
        batch = SpanBatch([call, make_generation(trace_id=call.trace_id, parent_span_id=call.span_id)])
        make, threads = SpanBatch.__init__, []

        def made(self: SpanBatch, *arguments: Any) -> None:
            threads.append(threading.current_thread())
            make(self, *arguments)

        monkeypatch.setattr(SpanBatch, "__init__", made)
        assert (await store.write_spans(batch)).inserted == 2
        assert threads
        assert threading.current_thread() not in threads

    async def test_gateways_say_what_their_caches_did(self, store: Store) -> None:
        said: list[dict[str, Any]] = [
            {"http.response.header.helicone-cache": ["HIT"]},
            {"http.response.header.helicone-cache": ["MISS"]},
            {"http.response.header.x-portkey-cache-status": ["SEMANTIC HIT"]},
            {"http.response.header.x-portkey-cache-status": ["DISABLED"]},
            {"metadata.cache_hit": False},
            {},
        ]
        await store.write_spans([make_generation(attributes=attributes) for attributes in said])
        [call] = (await store.usage_totals()).calls
        assert (call.requests, call.cache_hits, call.cache_misses) == (6, 2, 2)

    async def test_costs_are_summed_by_user_and_team(self, store: Store) -> None:
        mine = {"user_id": "ada", "attributes": {"team_id": "red"}}
        await store.write_spans([make_generation(cost=Decimal("0.1"), **mine)])
        await store.write_spans([make_generation(cost=Decimal("0.2"), **mine), make_generation(cost=None)])
        [cost] = (await store.usage_totals()).costs
        assert (cost.model, cost.user_id, cost.team_id, cost.cost) == ("gpt-4o", "ada", "red", Decimal("0.3"))

    async def test_labels_are_bounded_and_nothing_is_lost(self, store: Store) -> None:
        def spans(first: int, count: int) -> list[Span]:
            fields = [{"model": f"m{n:05}", "user_id": f"u{n}"} for n in range(first, first + count)]
            return [make_generation(cost=Decimal(1), **each) for each in fields]

        await store.write_spans(spans(0, MOST_SETS - 1))
        await store.write_spans([*spans(500, 1), *spans(5000, 3), make_generation(project="b", model="m1")])
        totals = await store.usage_totals()
        calls = [call for call in totals.calls if call.project == "default"]
        assert (len(calls), sum(call.requests for call in calls)) == (MOST_SETS + 1, MOST_SETS + 3)
        assert [call.requests for call in calls if call.model == "m00500"] == [2]
        assert [call.requests for call in calls if call.model == OTHER] == [2]
        costs = [cost for cost in totals.costs if cost.project == "default"]
        assert (len(costs), sum(cost.cost for cost in costs)) == (MOST_SETS + 1, MOST_SETS + 3)
        assert [cost.cost for cost in costs if cost.user_id == OTHER] == [2]

    async def test_totals_go_with_their_project_alone(self, store: Store) -> None:
        await store.write_spans([make_generation(), make_generation(project="b")])
        before = await store.usage_totals()
        assert {call.project for call in before.calls} == {cost.project for cost in before.costs} == {"default", "b"}
        await store.delete_project("b", by=Actor("test"))
        after = await store.usage_totals()
        assert {call.project for call in after.calls} == {cost.project for cost in after.costs} == {"default"}

    async def test_scores_of_the_last_day_have_the_model_that_they_judge(self, store: Store) -> None:
        now = time.time_ns()
        first = make_generation(start_time_ns=now, scores=[Score(name="helpfulness", value=4, time_ns=now)])
        second = make_generation(
            trace_id=first.trace_id,
            model="other-model",
            start_time_ns=now + SECOND,
            scores=[Score(name="helpfulness", value=1, time_ns=now)],
        )
        alone = make_generation(
            start_time_ns=now,
            scores=[
                Score(name="helpfulness", value=5, time_ns=now),
                Score(name="tone", label="kind", time_ns=now),
                Score(name="old", value=1, time_ns=NOON_NS),
                Score(name="huge", value=1e308, time_ns=now),
                Score(name="huge", value=1e308, time_ns=now),
            ],
        )
        await store.write_spans([first, second, alone])
        scores = {(score.model, score.evaluator): score for score in (await store.usage_totals()).scores}
        assert {key: (score.mean, score.count) for key, score in scores.items()} == {
            ("gpt-4o", "helpfulness"): (4.5, 2),
            ("other-model", "helpfulness"): (1.0, 1),
            ("gpt-4o", "huge"): (1e308, 2),
        }
        assert scores["other-model", "helpfulness"].source == "eval"

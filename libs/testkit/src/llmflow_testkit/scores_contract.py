"""What every `Store` promises of scores. A subclass of `ScoresContract` in a test module runs on every kind of
database."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from llmflow_core.errors import Permanent
from llmflow_core.spans import Score
from llmflow_store import Store
from llmflow_store.administration import Actor
from llmflow_store.scores import ScoreQuery, StoredScore
from llmflow_testkit.spans import NOON, NOON_NS, make_generation, make_span
from llmflow_testkit.store_suite import StoreSuite

SECOND = 1_000_000_000
SESSION = "s-1"


class ScoresContract(StoreSuite):
    """The suite."""

    async def test_scores_come_with_spans_that_are_new(self, store: Store) -> None:
        scores = [
            Score(name="relevance", value=0.9, label="good", comment="because", time_ns=NOON_NS),
            Score(name="tone", label="friendly", source="user"),
            Score(name="passed", value=1, label="True"),
            Score(name="nothing", value=math.nan),
        ]
        span = make_generation(scores=scores)
        await store.write_spans([span, make_span()])
        await store.write_spans([replace(span, scores=[*scores, Score(name="late", value=1)])])
        found = (await store.list_scores(ScoreQuery(project="default", trace_id=span.trace_id))).scores
        by_name = {score.name: score for score in found}
        assert {name: (s.value, s.label, s.data_type) for name, s in by_name.items()} == {
            "relevance": (0.9, "good", "numeric"),
            "tone": (None, "friendly", "categorical"),
            "passed": (1.0, "True", "boolean"),
        }
        relevance = by_name["relevance"]
        assert (relevance.span_id, relevance.session_id, relevance.comment) == (span.span_id, SESSION, "because")
        assert (relevance.time_ns, relevance.source) == (NOON_NS // 1000 * 1000, "eval")

    def score(self, **fields: Any) -> StoredScore:
        """A score of the session `s-1`."""
        defaults: dict[str, Any] = {
            "project": "default",
            "id": "one",
            "session_id": SESSION,
            "name": "quality",
            "value": 0.5,
            "data_type": "numeric",
            "source": "api",
            "author": "ada",
            "time_ns": NOON_NS // 1000 * 1000,
        }
        return StoredScore(**{**defaults, **fields})

    async def test_a_score_is_saved_by_its_id(self, store: Store) -> None:
        await store.save_score(self.score())
        changed = self.score(value=0.75, trace_id=b"t" * 16, comment="better")
        await store.save_score(changed)
        await store.save_score(self.score(project="other"))
        assert (await store.list_scores(ScoreQuery(project="default"))).scores == [changed]
        assert await store.delete_score("default", "one")
        assert not await store.delete_score("default", "one")
        assert (await store.list_scores(ScoreQuery(project="default"))).scores == []
        assert len((await store.list_scores(ScoreQuery(project="other"))).scores) == 1

    async def test_scores_are_filtered_and_paged(self, store: Store) -> None:
        scores = [
            self.score(id="a", trace_id=b"t" * 16, span_id=b"s" * 8),
            self.score(id="b", name="tone", value=None, label="kind", data_type="categorical"),
            self.score(id="c", source="user", session_id="s-2", time_ns=(NOON_NS + SECOND) // 1000 * 1000),
        ]
        for score in scores:
            await store.save_score(score)

        async def found(**conditions: Any) -> list[str]:
            query = ScoreQuery(project="default", limit=1, **conditions)
            ids = []
            while True:
                page = await store.list_scores(query)
                ids += [score.id for score in page.scores]
                if page.next is None:
                    return ids
                query = replace(query, after=page.next)

        assert await found() == ["c", "b", "a"]
        assert await found(session_id=SESSION) == ["b", "a"]
        assert await found(trace_id=b"t" * 16, span_id=b"s" * 8) == ["a"]
        assert await found(name="tone") == await found(data_type="categorical") == ["b"]
        assert await found(source="user") == await found(from_time=NOON + timedelta(seconds=1)) == ["c"]
        assert await found(to_time=NOON + timedelta(seconds=1), source="api") == ["b", "a"]

    async def test_a_score_that_fits_no_row_is_permanent(self, store: Store) -> None:
        for wrong in (
            {"id": ""},
            {"id": "x" * 1025},
            {"session_id": None},
            {"value": None},
            {"span_id": b"s" * 8},
        ):
            with pytest.raises(Permanent):
                await store.save_score(self.score(**wrong))

    async def test_a_deleted_project_leaves_no_scores(self, store: Store) -> None:
        await store.save_score(self.score())
        await store.delete_project("default", by=Actor("test"))
        assert (await store.list_scores(ScoreQuery(project="default"))).scores == []

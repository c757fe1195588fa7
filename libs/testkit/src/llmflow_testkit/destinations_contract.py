"""What every `Destinations` promises. `StoreSuite` gives the store."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from llmflow_core.otlp import parse_traces, spans_of
from llmflow_core.rebuilding import request_of
from llmflow_core.spans import Span
from llmflow_store import Store
from llmflow_store.administration import Actor
from llmflow_store.destinations import Job
from llmflow_testkit.recorded_conventions import recorded_spans
from llmflow_testkit.spans import make_generation
from llmflow_testkit.store_suite import StoreSuite

ANNA = Actor("anna", "192.0.2.7")
START = datetime(2026, 1, 31, tzinfo=UTC)
SECRET = {"name": "tempo", "endpoint": "http://a", "auth": {"bearer": "${sealed:abc}"}}


def _counted(name: str, sent: int, since: str = "2026-01-31T00:00:00Z") -> Mapping[str, Any]:
    return {"name": name, "origin": "api", "since": since, "sent": sent, "dead_letters": 1}


async def _replayed(store: Store, job: Job, *, limit: int) -> list[Span]:
    """What a replay gives, page by page, each noted as sent."""
    spans: list[Span] = []
    while True:
        found = await store.get_job(job.id)
        assert found is not None
        page = await store.replay_page(found, limit=limit)
        spans += page.spans
        assert len(page.spans) <= limit
        if page.next is None:
            return spans
        assert await store.note_job("e1", job.id, state="running", sent=len(page.spans), position=page.next)


class DestinationsContract(StoreSuite):
    """The suite."""

    async def test_destinations_are_kept_and_audited_without_secrets(self, store: Store) -> None:
        made = await store.add_destination(SECRET, by=ANNA)
        assert made is not None
        assert (made.name, made.definition, made.epoch, made.created_by) == ("tempo", SECRET, 0, "anna")
        assert await store.add_destination(SECRET, by=ANNA) is None
        await store.change_destination({"name": "tempo"}, by=ANNA)
        changed = await store.pause_destination("tempo", paused=True, by=ANNA)
        assert changed is not None
        assert changed.definition == {"name": "tempo", "paused": True}
        assert await store.list_destinations() == [changed]
        assert await store.change_destination({"name": "absent"}, by=ANNA) is None
        lines = await store.list_audit(limit=9)
        assert [(line.action, line.subject) for line in lines] == [
            ("destination.pause", "tempo"),
            ("destination.change", "tempo"),
            ("destination.create", "tempo"),
        ]
        assert lines[2].detail["auth"] == {"bearer": "[secret]"}

    async def test_a_place_in_the_log_is_forgotten_only_when_asked(self, store: Store) -> None:
        for forget, epoch in ((False, 0), (True, 0), (False, 1)):
            made = await store.add_destination({"name": "tempo"}, by=ANNA)
            assert made is not None
            assert made.epoch == epoch
            assert await store.remove_destination("tempo", forget=forget, by=ANNA)
            assert await store.list_destinations() == []
        assert not await store.remove_destination("tempo", forget=True, by=ANNA)

    async def test_counts_are_added_once_and_survive_their_exporters(self, store: Store) -> None:
        await store.report_destinations("e1", [_counted("a", 5)])
        await store.report_destinations("e1", [_counted("a", 5), _counted("b", 1)])
        await store.report_destinations("e2", [_counted("a", 3)])
        await store.report_destinations("e1", [_counted("a", 7)])
        await store.report_destinations("e1", [_counted("a", 2, since="2026-01-31T01:00:00Z")])
        totals = await store.destination_totals()
        assert (totals["a"]["sent"], totals["a"]["dead_letters"], totals["b"]["sent"]) == (12, 3, 1)
        newest = await store.exporter_reports()
        assert [(report.exporter, [one["name"] for one in report.destinations]) for report in newest] == [
            ("e1", ["a"]),
            ("e2", ["a"]),
        ]

    async def test_a_job_is_with_one_exporter_at_a_time(self, store: Store) -> None:
        job = await store.add_job("a", "test", by=ANNA)
        assert await store.lease_jobs("e1", ["b"], holding=[], seconds=60) == []
        (leased,) = await store.lease_jobs("e1", ["a"], holding=[], seconds=60)
        assert (leased.id, leased.state) == (job.id, "running")
        assert await store.lease_jobs("e2", ["a"], holding=[], seconds=60) == []
        assert not await store.note_job("e2", job.id, state="done")
        (held,) = await store.lease_jobs("e1", [], holding=[job.id], seconds=0)
        assert held.id == job.id
        assert [one.id for one in await store.lease_jobs("e2", ["a"], holding=[], seconds=60)] == [job.id]
        assert not await store.note_job("e1", job.id, state="done")
        assert await store.note_job("e2", job.id, state="done", message="it arrived")
        (done,) = await store.list_jobs("a", kind="test")
        assert (done.state, done.message, done.finished_at is None) == ("done", "it arrived", False)
        assert await store.list_jobs("a", kind="replay") == []

    async def test_a_cancelled_job_is_nobodys(self, store: Store) -> None:
        job = await store.add_job("a", "replay", by=ANNA, project="shop", from_time=START, to_time=START)
        await store.lease_jobs("e1", ["a"], holding=[], seconds=60)
        assert await store.cancel_job("b", job.id, by=ANNA) is None
        cancelled = await store.cancel_job("a", job.id, by=ANNA)
        assert cancelled is not None
        assert cancelled.state == "cancelled"
        assert not await store.note_job("e1", job.id, state="running", sent=5)
        assert await store.lease_jobs("e1", ["a"], holding=[job.id], seconds=60) == []

    async def test_a_replay_gives_each_span_of_its_range_once_and_in_order(self, store: Store) -> None:
        spans = [
            make_generation(project=project, start_time_ns=int((START + timedelta(seconds=second)).timestamp()) * 10**9)
            for project in ("shop", "other")
            for second in range(7)
        ]
        await store.write_spans(spans)
        job = await store.add_job(
            "a",
            "replay",
            by=ANNA,
            project="shop",
            from_time=START + timedelta(seconds=1),
            to_time=START + timedelta(seconds=6),
        )
        await store.lease_jobs("e1", ["a"], holding=[], seconds=60)
        assert [span.key for span in await _replayed(store, job, limit=2)] == [span.key for span in spans[1:6]]
        noted = await store.get_job(job.id)
        assert noted is not None
        assert (noted.sent, noted.total) == (5, 7)

        everything = await store.add_job("a", "replay", by=ANNA)
        await store.lease_jobs("e1", ["a"], holding=[], seconds=60)
        found = [span.key for span in await _replayed(store, everything, limit=3)]
        assert sorted(found) == sorted(span.key for span in spans)

    async def test_what_was_stored_is_rebuilt_as_it_came(self, store: Store) -> None:
        libraries = ("openinference-openai", "openai-agents", "pydantic-ai-events", "mlflow", "vercel-ai")
        came = [span for library in libraries for span in recorded_spans(library)]
        await store.write_spans(came)
        job = await store.add_job("a", "replay", by=ANNA, project="default")
        await store.lease_jobs("e1", ["a"], holding=[], seconds=60)
        rebuilt = request_of(await _replayed(store, job, limit=50))
        again = spans_of(parse_traces(rebuilt.SerializeToString()))
        assert sorted(map(_facts, again), key=str) == sorted(map(_facts, came), key=str)


def _facts(span: Span) -> tuple[Any, ...]:
    return (
        span.key,
        span.duration_ns,
        span.attributes,
        span.resource_attributes,
        span.content,
        span.events,
        span.links,
    )

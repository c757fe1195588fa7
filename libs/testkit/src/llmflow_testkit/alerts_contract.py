"""What every `Store` promises of alerts and their notices. A subclass of `AlertsContract` runs on every kind of
database."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from llmflow_core.filters import parse_filter
from llmflow_store import Store
from llmflow_store.administration import Actor
from llmflow_store.alerts import Alert, AlertEvent, Attempt, Channel, DueNotice
from llmflow_store.scores import StoredScore
from llmflow_testkit.spans import NOON, NOON_NS, make_generation
from llmflow_testkit.store_suite import StoreSuite

ANNA = Actor("anna", "192.0.2.7")
RULE = Alert(
    id="rule-1", kind="rule", project="default", name="Errors", definition={"threshold": 0.1}, channels=("pager",)
)
PAGER = Channel(name="pager", kind="webhook", host="pager.example", sealed="encrypted")
LEASE = 60.0
MINUTE = timedelta(minutes=1)


def event(alert: Alert = RULE, **fields: Any) -> AlertEvent:
    """An event of `alert`, by default that it fires."""
    values: dict[str, Any] = {
        "id": uuid.uuid4().hex,
        "at": NOON,
        "alert_id": alert.id,
        "kind": alert.kind,
        "project": "default",
        "event": "firing",
        "body": {"value": 0.5},
    }
    return AlertEvent(**{**values, **fields})


class AlertsContract(StoreSuite):
    """The suite."""

    async def claimed(self, store: Store) -> Alert:
        """The one alert that is due."""
        (alert,) = await store.claim_alerts(limit=10, lease_seconds=LEASE)
        return alert

    async def recorded(self, store: Store, *events: AlertEvent) -> None:
        """Save the rule and record these events of it."""
        await store.save_alert(RULE, by=ANNA)
        alert = await self.claimed(store)
        assert await store.record_evaluation(alert, states={}, events=events, due_seconds=None)

    async def due(self, store: Store) -> Sequence[DueNotice]:
        """Every notice that can be had."""
        return await store.claim_notices(limit=10, lease_seconds=LEASE)

    async def test_alerts_are_kept_changed_silenced_and_deleted(self, store: Store) -> None:
        assert await store.save_alert(RULE, by=ANNA) == RULE
        everywhere = replace(RULE, id="rule-2", project=None, name="Cost")
        budget = replace(RULE, id="budget-1", kind="budget")
        for alert in (everywhere, budget):
            assert await store.save_alert(alert, by=ANNA) == alert
        assert await store.save_alert(replace(RULE, id="rule-3", project="absent"), by=ANNA) is None
        await store.create_project("shop", by=ANNA)
        assert await store.list_alerts("rule", "default") == [everywhere, RULE]
        assert await store.list_alerts("rule", "shop") == [everywhere]
        assert await store.list_alerts("budget", "default") == [budget]

        changed = await store.save_alert(replace(RULE, name="Failures", enabled=False), by=ANNA)
        assert changed == replace(RULE, name="Failures", enabled=False, claim=1)
        silent = await store.silence_alert(RULE.id, NOON, by=ANNA)
        assert silent == replace(changed, silenced_until=NOON, claim=2)
        assert await store.get_alert(RULE.id) == silent
        assert await store.silence_alert("absent", None, by=ANNA) is None
        assert await store.delete_alert(RULE.id, [], by=ANNA)
        assert not await store.delete_alert(RULE.id, [], by=ANNA)
        assert await store.get_alert(RULE.id) is None
        actions = [entry.action for entry in await store.list_audit(limit=10)]
        assert actions[:3] == ["rule.delete", "rule.silence", "rule.save"]
        assert "budget.save" in actions

    async def test_an_alert_goes_to_one_of_those_who_claim_at_once(self, store: Store) -> None:
        for number in range(20):
            await store.save_alert(replace(RULE, id=f"rule-{number}"), by=ANNA)
        found = await asyncio.gather(*(store.claim_alerts(limit=7, lease_seconds=LEASE) for _ in range(4)))
        ids = [alert.id for alerts in found for alert in alerts]
        assert sorted(ids) == sorted(f"rule-{number}" for number in range(20))
        assert await store.claim_alerts(limit=7, lease_seconds=LEASE) == []

    async def test_a_claim_that_is_renewed_keeps_the_others_off(self, store: Store) -> None:
        await store.save_alert(RULE, by=ANNA)
        (alert,) = await store.claim_alerts(limit=1, lease_seconds=0)
        assert await store.renew_claim(alert, lease_seconds=LEASE)
        assert await store.claim_alerts(limit=1, lease_seconds=LEASE) == []
        assert await store.renew_claim(alert, lease_seconds=0)
        await self.claimed(store)
        assert not await store.renew_claim(alert, lease_seconds=LEASE)

    async def test_what_an_evaluation_found_is_kept_whole_or_not_at_all(self, store: Store) -> None:
        await store.save_channel(PAGER, by=ANNA)
        await store.save_alert(RULE, by=ANNA)
        (stale,) = await store.claim_alerts(limit=1, lease_seconds=0)
        alert = await self.claimed(store)
        states: dict[str, dict[str, Any]] = {"default": {"": {"status": "firing"}}}
        assert not await store.record_evaluation(stale, states=states, events=[event()], due_seconds=0)
        assert await store.list_events("default", limit=10) == []
        fired = event()
        assert await store.record_evaluation(alert, states=states, events=[fired], due_seconds=0, error="late")
        again = await self.claimed(store)
        assert (again.states, again.error) == (states, "late")
        assert again.evaluated_at is not None
        (past,) = await store.list_events("default", limit=10)
        assert past.event == fired
        assert [(notice.channel, notice.status, notice.attempts) for notice in past.notices] == [
            ("pager", "pending", 0)
        ]
        await store.save_alert(RULE, by=ANNA)
        assert not await store.record_evaluation(again, states={}, events=[], due_seconds=0)
        kept = await store.get_alert(RULE.id)
        assert kept is not None
        assert kept.states == states

    async def test_what_is_never_due_again_waits_for_a_change(self, store: Store) -> None:
        await self.recorded(store)
        assert await store.claim_alerts(limit=1, lease_seconds=LEASE) == []
        await store.silence_alert(RULE.id, NOON, by=ANNA)
        assert (await self.claimed(store)).id == RULE.id

    async def test_nobody_is_told_of_what_is_silenced(self, store: Store) -> None:
        await store.save_channel(PAGER, by=ANNA)
        await self.recorded(store, event(silenced=True))
        (past,) = await store.list_events("default", limit=10)
        assert past.event.silenced
        assert not past.notices
        assert await self.due(store) == []

    async def test_a_channel_is_told_in_order_and_by_one_at_a_time(self, store: Store) -> None:
        for name in ("pager", "chat"):
            await store.save_channel(replace(PAGER, name=name), by=ANNA)
        alert = replace(RULE, channels=("pager", "chat", "gone"))
        await store.save_alert(alert, by=ANNA)
        events = [event(event="firing"), event(event="resolved")]
        await store.record_evaluation(await self.claimed(store), states={}, events=events, due_seconds=None)
        found = await asyncio.gather(*(self.due(store) for _ in range(3)))
        first = {notice.channel.name: notice for notices in found for notice in notices}
        assert sum(map(len, found)) == len(first) == 2
        assert {notice.event.event for notice in first.values()} == {"firing"}
        assert first["pager"].channel == PAGER
        await store.settle_notice(first["pager"], Attempt(delivered=True, http_status=204))
        (second,) = await self.due(store)
        assert (second.channel.name, second.event.event, second.attempts) == ("pager", "resolved", 1)
        await store.settle_notice(first["chat"], Attempt(delivered=False, error="gone", http_status=410))
        notices = {
            (past.event.event, notice.channel): (notice.status, notice.http_status, notice.error)
            for past in await store.list_events("default", limit=10)
            for notice in past.notices
        }
        assert notices == {
            ("firing", "pager"): ("delivered", 204, None),
            ("firing", "chat"): ("failed", 410, "gone"),
            ("resolved", "pager"): ("pending", None, None),
            ("resolved", "chat"): ("pending", None, None),
        }

    async def test_a_notice_comes_again_until_it_is_settled(self, store: Store) -> None:
        await store.save_channel(PAGER, by=ANNA)
        await self.recorded(store, event())
        (lost,) = await store.claim_notices(limit=1, lease_seconds=0)
        (failed,) = await self.due(store)
        assert (lost.attempts, failed.attempts) == (1, 2)
        await store.settle_notice(lost, Attempt(delivered=True))
        await store.settle_notice(failed, Attempt(delivered=False, retry_seconds=0, error="refused"))
        (last,) = await self.due(store)
        assert last.attempts == 3
        await store.settle_notice(last, Attempt(delivered=False, retry_seconds=3600, error="refused"))
        assert await self.due(store) == []
        (past,) = await store.list_events("default", limit=1)
        assert [(notice.status, notice.error) for notice in past.notices] == [("pending", "refused")]

    async def test_the_history_is_paged_and_forgotten(self, store: Store) -> None:
        await store.save_channel(PAGER, by=ANNA)
        events = [event(at=NOON + number * MINUTE, silenced=number != 2) for number in range(4)]
        await self.recorded(store, *events)
        newest = await store.list_events("default", limit=2)
        assert [past.event for past in newest] == [events[3], events[2]]
        older = await store.list_events("default", limit=2, before=newest[-1].number, alert_id=RULE.id)
        assert [past.event for past in older] == [events[1], events[0]]
        assert await store.list_events("default", limit=2, alert_id="other") == []
        assert await store.forget_events(NOON + 4 * MINUTE) == 3
        assert [past.event for past in await store.list_events("default", limit=9)] == [events[2]]

    async def test_a_deleted_alert_tells_what_is_left_to_tell(self, store: Store) -> None:
        await store.save_channel(PAGER, by=ANNA)
        await store.save_alert(RULE, by=ANNA)
        resolved = event(event="resolved")
        await store.delete_alert(RULE.id, [resolved], by=ANNA)
        assert [notice.event for notice in await self.due(store)] == [resolved]

    async def test_channels_are_kept_changed_and_deleted(self, store: Store) -> None:
        await store.save_channel(PAGER, by=ANNA)
        changed = replace(PAGER, kind="slack", host="hooks.example", sealed="other")
        await store.save_channel(changed, by=ANNA)
        assert await store.list_channels() == [changed]
        await self.recorded(store, event())
        assert await store.delete_channel("pager", by=ANNA)
        assert not await store.delete_channel("pager", by=ANNA)
        assert await store.list_channels() == []
        assert await self.due(store) == []
        audited = str([entry.detail for entry in await store.list_audit(limit=10)])
        assert "hooks.example" in audited
        assert "encrypted" not in audited

    async def test_a_deleted_project_takes_its_alerts_along(self, store: Store) -> None:
        await self.recorded(store, event())
        await store.save_alert(replace(RULE, id="rule-2", project=None), by=ANNA)
        await store.delete_project("default", by=ANNA)
        assert [alert.id for alert in await store.list_alerts("rule", "default")] == ["rule-2"]
        assert await store.list_events("default", limit=9) == []

    async def test_scores_are_averaged_by_name_time_and_filter(self, store: Store) -> None:
        fine, poor = make_generation(model="fine"), make_generation(model="poor", trace_id=b"p" * 16)
        await store.write_spans([fine, poor])
        placed: list[tuple[dict[str, Any], float]] = [
            ({"trace_id": fine.trace_id, "span_id": fine.span_id}, 0.9),
            ({"trace_id": poor.trace_id}, 0.1),
            ({"session_id": "s"}, 0.8),
        ]
        for number, (place, value) in enumerate(placed):
            await store.save_score(
                StoredScore(
                    project="default",
                    id=str(number),
                    name="quality",
                    value=value,
                    data_type="numeric",
                    source="api",
                    time_ns=NOON_NS,
                    **place,
                )
            )

        async def average(name: str = "quality", text: str = "", start: datetime = NOON) -> tuple[float | None, int]:
            found = parse_filter(text) if text else None
            value, count = await store.average_score("default", name, start, start + MINUTE, found)
            return None if value is None else round(value, 6), count

        assert await average() == (0.6, 3)
        assert await average(text="model:poor") == (0.1, 1)
        assert await average(text="model:fine OR model:poor") == (0.5, 2)
        assert await average("tone") == await average(start=datetime(2030, 1, 1, tzinfo=UTC)) == (None, 0)

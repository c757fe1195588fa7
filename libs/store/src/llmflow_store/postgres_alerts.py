"""Alerts over asyncpg."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import TypeAlias

import asyncpg
import orjson

from llmflow_core.spans import JSON
from llmflow_store.administration import Actor
from llmflow_store.alerts import Alert, AlertEvent, AlertKind, Attempt, Channel, DueNotice, Notice, PastEvent
from llmflow_store.postgres_administration import audit, time_of, time_or_none
from llmflow_store.statements import unix_us
from llmflow_store.versions import UNCONDITIONAL, Precondition

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

_ALERT = "id, kind, project, name, definition, channels, enabled, silenced_until, states, error, evaluated_at, claim"
_EVENT = "e.id, e.at, e.alert_id, e.kind, e.project, e.event, e.silenced, e.body"
_CHANNEL = "name, kind, host, sealed"

_LIST = f"SELECT {_ALERT} FROM alerts WHERE kind = $1 AND (project = $2 OR project IS NULL) ORDER BY name, id"  # noqa: S608
_GET = f"SELECT {_ALERT} FROM alerts WHERE id = $1"  # noqa: S608
_GET_TO_CHANGE = f"{_GET} FOR UPDATE"
_SAVE = f"""
INSERT INTO alerts AS a (id, kind, project, name, definition, channels, enabled)
SELECT $1, $2, $3, $4, $5, $6, $7 WHERE $3::text IS NULL OR EXISTS (SELECT FROM projects AS p WHERE p.name = $3)
ON CONFLICT (id) DO UPDATE SET project = excluded.project, name = excluded.name, definition = excluded.definition,
    channels = excluded.channels, enabled = excluded.enabled, claim = a.claim + 1, due_at = now()
RETURNING {_ALERT}
"""  # noqa: S608
_SILENCE = f"""
UPDATE alerts SET silenced_until = $2, claim = claim + 1, due_at = now() WHERE id = $1 RETURNING {_ALERT}
"""  # noqa: S608
_DELETE = f"DELETE FROM alerts WHERE id = $1 RETURNING {_ALERT}"  # noqa: S608
_CLAIM = f"""
UPDATE alerts SET claim = claim + 1, due_at = now() + $2 * interval '1 second'
WHERE id = ANY (ARRAY(
    SELECT id FROM alerts WHERE due_at <= now() ORDER BY due_at LIMIT $1 FOR UPDATE SKIP LOCKED
))
RETURNING {_ALERT}
"""  # noqa: S608
_RENEW = "UPDATE alerts SET due_at = now() + $3 * interval '1 second' WHERE id = $1 AND claim = $2"
_RECORD = """
UPDATE alerts SET states = $3, error = $4, evaluated_at = now(), due_at = now() + $5 * interval '1 second'
WHERE id = $1 AND claim = $2
"""
_ADD_EVENT = """
INSERT INTO alert_events (id, at, alert_id, kind, project, event, silenced, body)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING number
"""
_ADD_NOTICES = """
INSERT INTO alert_notices (event, channel, alert_id)
SELECT $1, c.name, $2 FROM alert_channels AS c WHERE c.name = ANY ($3::text[])
"""
_EVENTS = f"""
SELECT e.number, {_EVENT} FROM alert_events AS e
WHERE e.project = $1 AND ($2::bigint IS NULL OR e.number < $2) AND ($3::text IS NULL OR e.alert_id = $3)
ORDER BY e.number DESC LIMIT $4
"""  # noqa: S608
_NOTICES = """
SELECT event, channel, status, attempts, error, http_status, settled_at FROM alert_notices
WHERE event = ANY ($1::bigint[]) ORDER BY event, channel
"""
_FORGET = """
DELETE FROM alert_events AS e
WHERE e.at < $1 AND NOT EXISTS (SELECT FROM alert_notices AS n WHERE n.event = e.number AND n.status = 'pending')
"""
# Two who add a channel of one name at once could both find that there is none.
_LOCK_CHANNEL = "SELECT pg_advisory_xact_lock(hashtextextended('alert_channels ' || $1, 0))"
_CHANNEL_TO_CHANGE = f"SELECT {_CHANNEL} FROM alert_channels WHERE name = $1 FOR UPDATE"  # noqa: S608
_SAVE_CHANNEL = """
INSERT INTO alert_channels (name, kind, host, sealed) VALUES ($1, $2, $3, $4)
ON CONFLICT (name) DO UPDATE SET
    kind = excluded.kind, host = excluded.host, sealed = excluded.sealed, changed_at = now()
"""
_CLAIM_NOTICES = f"""
WITH due AS (
    SELECT n.event, n.channel FROM alert_notices AS n
    WHERE n.status = 'pending' AND n.due_at <= now() AND NOT EXISTS (
        SELECT FROM alert_notices AS b
        WHERE b.status = 'pending' AND b.channel = n.channel AND b.alert_id = n.alert_id AND b.event < n.event
    )
    ORDER BY n.due_at LIMIT $1 FOR UPDATE SKIP LOCKED
), claimed AS (
    UPDATE alert_notices AS n SET attempts = n.attempts + 1, due_at = now() + $2 * interval '1 second'
    FROM due WHERE n.event = due.event AND n.channel = due.channel
    RETURNING n.event, n.channel, n.attempts
)
SELECT e.number, {_EVENT}, d.attempts, c.name, c.kind AS channel_kind, c.host, c.sealed
FROM claimed AS d JOIN alert_events AS e ON e.number = d.event JOIN alert_channels AS c ON c.name = d.channel
ORDER BY e.number
"""  # noqa: S608
_SETTLE = """
UPDATE alert_notices SET error = $4, http_status = $5,
    status = CASE WHEN $6::float IS NOT NULL THEN 'pending' WHEN $7 THEN 'delivered' ELSE 'failed' END,
    due_at = coalesce(now() + $6::float * interval '1 second', due_at),
    settled_at = CASE WHEN $6::float IS NULL THEN now() END
WHERE event = $1 AND channel = $2 AND attempts = $3 AND status = 'pending'
"""


class PostgresAlerts:
    """`Alerts` for a class with a pool; see there for every method."""

    def _connection(self) -> AbstractAsyncContextManager[Connection]:
        raise NotImplementedError

    async def list_alerts(self, kind: AlertKind, project: str) -> Sequence[Alert]:
        """See `Alerts`."""
        async with self._connection() as connection:
            return [_alert(row) for row in await connection.fetch(_LIST, kind, project)]

    async def get_alert(self, alert_id: str) -> Alert | None:
        """See `Alerts`."""
        async with self._connection() as connection:
            row = await connection.fetchrow(_GET, alert_id)
        return None if row is None else _alert(row)

    async def save_alert(self, alert: Alert, *, by: Actor, only_if: Precondition = UNCONDITIONAL) -> Alert | None:
        """See `Alerts`."""
        async with self._connection() as connection, connection.transaction():
            before = await connection.fetchrow(_GET_TO_CHANGE, alert.id)
            only_if.check(_alert(before).version if before else None)
            row = await connection.fetchrow(
                _SAVE,
                alert.id,
                alert.kind,
                alert.project,
                alert.name,
                orjson.dumps(alert.definition),
                list(alert.channels),
                alert.enabled,
            )
            if row is None:
                return None
            detail = {"name": alert.name, "enabled": alert.enabled, **alert.definition}
            await audit(connection, f"{alert.kind}.save", by, alert.project, alert.id, detail)
        return _alert(row)

    async def silence_alert(
        self, alert_id: str, until: datetime | None, *, by: Actor, only_if: Precondition = UNCONDITIONAL
    ) -> Alert | None:
        """See `Alerts`."""
        async with self._connection() as connection, connection.transaction():
            row = await connection.fetchrow(_SILENCE, alert_id, None if until is None else unix_us(until))
            if row is None:
                return None
            alert = _alert(row)
            only_if.check(alert.version)
            detail = {"until": until.isoformat() if until else None}
            await audit(connection, f"{alert.kind}.silence", by, alert.project, alert_id, detail)
        return alert

    async def delete_alert(
        self, alert_id: str, events: Sequence[AlertEvent], *, by: Actor, only_if: Precondition = UNCONDITIONAL
    ) -> bool:
        """See `Alerts`."""
        async with self._connection() as connection, connection.transaction():
            row = await connection.fetchrow(_DELETE, alert_id)
            if row is None:
                return False
            alert = _alert(row)
            only_if.check(alert.version)
            await _add_events(connection, alert, events)
            await audit(connection, f"{alert.kind}.delete", by, alert.project, alert_id, {"name": alert.name})
        return True

    async def claim_alerts(self, *, limit: int, lease_seconds: float) -> Sequence[Alert]:
        """See `Alerts`."""
        async with self._connection() as connection:
            return [_alert(row) for row in await connection.fetch(_CLAIM, limit, lease_seconds)]

    async def renew_claim(self, alert: Alert, *, lease_seconds: float) -> bool:
        """See `Alerts`."""
        async with self._connection() as connection:
            status = await connection.execute(_RENEW, alert.id, alert.claim, lease_seconds)
        return not status.endswith(" 0")

    async def record_evaluation(
        self,
        alert: Alert,
        *,
        states: Mapping[str, Mapping[str, JSON]],
        events: Sequence[AlertEvent],
        due_seconds: float | None,
        error: str | None = None,
    ) -> bool:
        """See `Alerts`."""
        async with self._connection() as connection, connection.transaction():
            status = await connection.execute(_RECORD, alert.id, alert.claim, orjson.dumps(states), error, due_seconds)
            if status.endswith(" 0"):
                return False
            await _add_events(connection, alert, events)
        return True

    async def list_events(
        self, project: str, *, limit: int, before: int | None = None, alert_id: str | None = None
    ) -> Sequence[PastEvent]:
        """See `Alerts`."""
        async with self._connection() as connection:
            rows = await connection.fetch(_EVENTS, project, before, alert_id, limit)
            notices = await connection.fetch(_NOTICES, [row["number"] for row in rows])
        told: dict[int, list[Notice]] = {}
        for row in notices:
            told.setdefault(row["event"], []).append(_notice(row))
        return [PastEvent(row["number"], _event(row), told.get(row["number"], [])) for row in rows]

    async def forget_events(self, before: datetime) -> int:
        """See `Alerts`."""
        async with self._connection() as connection:
            status = await connection.execute(_FORGET, unix_us(before))
        return int(status.rpartition(" ")[2])

    async def list_channels(self) -> Sequence[Channel]:
        """See `Alerts`."""
        async with self._connection() as connection:
            rows = await connection.fetch(f"SELECT {_CHANNEL} FROM alert_channels ORDER BY name")  # noqa: S608
        return [Channel(**dict(row)) for row in rows]

    async def save_channel(self, channel: Channel, *, by: Actor, only_if: Precondition = UNCONDITIONAL) -> None:
        """See `Alerts`."""
        async with self._connection() as connection, connection.transaction():
            await connection.execute(_LOCK_CHANNEL, channel.name)
            before = await connection.fetchrow(_CHANNEL_TO_CHANGE, channel.name)
            only_if.check(Channel(**before).version if before else None)
            await connection.execute(_SAVE_CHANNEL, channel.name, channel.kind, channel.host, channel.sealed)
            detail: dict[str, JSON] = {"kind": channel.kind, "host": channel.host}
            await audit(connection, "channel.save", by, None, channel.name, detail)

    async def delete_channel(self, name: str, *, by: Actor, only_if: Precondition = UNCONDITIONAL) -> bool:
        """See `Alerts`."""
        async with self._connection() as connection, connection.transaction():
            row = await connection.fetchrow(
                f"DELETE FROM alert_channels WHERE name = $1 RETURNING {_CHANNEL}",  # noqa: S608
                name,
            )
            if row is None:
                return False
            only_if.check(Channel(**row).version)
            await audit(connection, "channel.delete", by, None, name, {})
        return True

    async def claim_notices(self, *, limit: int, lease_seconds: float) -> Sequence[DueNotice]:
        """See `Alerts`."""
        async with self._connection() as connection:
            rows = await connection.fetch(_CLAIM_NOTICES, limit, lease_seconds)
        return [
            DueNotice(
                number=row["number"],
                event=_event(row),
                channel=Channel(name=row["name"], kind=row["channel_kind"], host=row["host"], sealed=row["sealed"]),
                attempts=row["attempts"],
            )
            for row in rows
        ]

    async def settle_notice(self, notice: DueNotice, attempt: Attempt) -> None:
        """See `Alerts`."""
        async with self._connection() as connection:
            await connection.execute(
                _SETTLE,
                notice.number,
                notice.channel.name,
                notice.attempts,
                attempt.error,
                attempt.http_status,
                attempt.retry_seconds,
                attempt.delivered,
            )


async def _add_events(connection: Connection, alert: Alert, events: Iterable[AlertEvent]) -> None:
    for event in events:
        number = await connection.fetchval(
            _ADD_EVENT,
            event.id,
            unix_us(event.at),
            event.alert_id,
            event.kind,
            event.project,
            event.event,
            event.silenced,
            orjson.dumps(event.body),
        )
        if not event.silenced:
            await connection.execute(_ADD_NOTICES, number, alert.id, list(alert.channels))


def _alert(row: asyncpg.Record) -> Alert:
    times = {name: time_or_none(row[name]) for name in ("silenced_until", "evaluated_at")}
    return Alert(**{**dict(row), **times, "channels": tuple(row["channels"])})


def _event(row: asyncpg.Record) -> AlertEvent:
    names = ("id", "alert_id", "kind", "project", "event", "silenced", "body")
    return AlertEvent(at=time_of(row["at"]), **{name: row[name] for name in names})


def _notice(row: asyncpg.Record) -> Notice:
    values = {**dict(row), "settled_at": time_or_none(row["settled_at"])}
    del values["event"]
    return Notice(**values)

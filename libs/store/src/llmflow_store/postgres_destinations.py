"""Destinations, the reports of exporters and their jobs over asyncpg."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Any

import asyncpg
import orjson

from llmflow_core.destinations.secrets import shown
from llmflow_core.spans import JSON
from llmflow_store import replay_sql
from llmflow_store.administration import Actor
from llmflow_store.destinations import (
    COUNTS,
    ExporterReport,
    Job,
    JobKind,
    JobState,
    KeptDestination,
    ReplayPage,
)
from llmflow_store.postgres_administration import audit, time_of
from llmflow_store.statements import unix_us
from llmflow_store.versions import UNCONDITIONAL, Precondition

_COLUMNS = "name, definition, epoch, created_at, created_by, changed_at"
_JOB = (
    "id, destination, kind, project, from_time, to_time, state, created_at, created_by, finished_at, position, sent, "
    "total, message"
)
_ADD = f"""
INSERT INTO destinations AS d (name, definition, created_by) VALUES ($1, $2, $3)
ON CONFLICT (name) DO UPDATE SET definition = excluded.definition, created_by = excluded.created_by,
    created_at = now(), changed_at = now()
WHERE d.definition IS NULL RETURNING {_COLUMNS}
"""  # noqa: S608 - the columns are constants
_GET_TO_CHANGE = f"SELECT {_COLUMNS} FROM destinations WHERE name = $1 AND definition IS NOT NULL FOR UPDATE"  # noqa: S608
_CHANGE = f"UPDATE destinations SET definition = $2, changed_at = now() WHERE name = $1 RETURNING {_COLUMNS}"  # noqa: S608
_REMOVE = "UPDATE destinations SET definition = NULL, epoch = epoch + $2 WHERE name = $1"
_REPORT = """
INSERT INTO exporter_reports (exporter, destinations) VALUES ($1, $2)
ON CONFLICT (exporter) DO UPDATE SET destinations = excluded.destinations, reported_at = now()
"""
_REPORTS = """
SELECT exporter, reported_at, destinations FROM exporter_reports
WHERE reported_at > now() - interval '1 day' ORDER BY reported_at DESC
"""
_TOTAL = f"""
INSERT INTO destination_totals AS t (destination, {", ".join(COUNTS)})
VALUES ($1, {", ".join(f"${n}" for n in range(2, len(COUNTS) + 2))})
ON CONFLICT (destination) DO UPDATE SET {", ".join(f"{name} = t.{name} + excluded.{name}" for name in COUNTS)}
"""  # noqa: S608
_FORGET_JOBS = """
DELETE FROM destination_jobs WHERE destination = $1 AND finished_at IS NOT NULL AND id NOT IN (
    SELECT id FROM destination_jobs WHERE destination = $1 ORDER BY id DESC LIMIT 50
)
"""
_ADD_JOB = f"""
INSERT INTO destination_jobs (destination, kind, project, from_time, to_time, total, created_by)
VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING {_JOB}
"""  # noqa: S608
_CANCEL = """
UPDATE destination_jobs SET state = 'cancelled', finished_at = now()
WHERE id = $2 AND destination = $1 AND finished_at IS NULL
"""
_LEASE = f"""
UPDATE destination_jobs SET state = 'running', exporter = $1, leased_until = now() + $4 * interval '1 second'
WHERE id IN (
    SELECT id FROM destination_jobs
    WHERE finished_at IS NULL AND (
        (exporter = $1 AND id = ANY ($3::bigint[]))
        OR (destination = ANY ($2::text[]) AND (leased_until IS NULL OR leased_until < now()))
    )
    ORDER BY id FOR UPDATE SKIP LOCKED
)
RETURNING {_JOB}
"""  # noqa: S608
_NOTE = """
UPDATE destination_jobs SET state = $3, sent = sent + $4, position = coalesce($5, position), message = $6,
    leased_until = CASE $3 WHEN 'waiting' THEN NULL ELSE leased_until END,
    finished_at = CASE WHEN $3 IN ('done', 'failed') THEN now() END
WHERE id = $2 AND exporter = $1 AND finished_at IS NULL
"""


class PostgresDestinations:
    """`Destinations` for a class with a pool; see there for every method."""

    def _connection(self) -> AbstractAsyncContextManager[asyncpg.Connection[asyncpg.Record]]:
        raise NotImplementedError

    async def list_destinations(self) -> Sequence[KeptDestination]:
        """See `Destinations`."""
        async with self._connection() as connection:
            rows = await connection.fetch(
                f"SELECT {_COLUMNS} FROM destinations WHERE definition IS NOT NULL ORDER BY name"  # noqa: S608
            )
        return [_destination(row) for row in rows]

    async def add_destination(self, definition: Mapping[str, JSON], *, by: Actor) -> KeptDestination | None:
        """See `Destinations`."""
        name = definition["name"]
        async with self._connection() as connection, connection.transaction():
            row = await connection.fetchrow(_ADD, name, orjson.dumps(definition), by.name)
            if row is None:
                return None
            await audit(connection, "destination.create", by, None, name, shown(definition))
        return _destination(row)

    async def change_destination(
        self, definition: Mapping[str, JSON], *, by: Actor, only_if: Precondition = UNCONDITIONAL
    ) -> KeptDestination | None:
        """See `Destinations`."""
        name = str(definition["name"])
        async with self._connection() as connection, connection.transaction():
            if await _held(connection, name, only_if) is None:
                return None
            return await _change(connection, definition, "destination.change", by)

    async def pause_destination(
        self, name: str, *, paused: bool, by: Actor, only_if: Precondition = UNCONDITIONAL
    ) -> KeptDestination | None:
        """See `Destinations`."""
        async with self._connection() as connection, connection.transaction():
            before = await _held(connection, name, only_if)
            if before is None:
                return None
            action = "destination.pause" if paused else "destination.resume"
            return await _change(connection, {**before.definition, "paused": paused}, action, by)

    async def remove_destination(
        self, name: str, *, forget: bool, by: Actor, only_if: Precondition = UNCONDITIONAL
    ) -> bool:
        """See `Destinations`."""
        async with self._connection() as connection, connection.transaction():
            if await _held(connection, name, only_if) is None:
                return False
            await connection.execute(_REMOVE, name, int(forget))
            await connection.execute("DELETE FROM destination_jobs WHERE destination = $1", name)
            await connection.execute("DELETE FROM destination_totals WHERE destination = $1", name)
            await audit(connection, "destination.remove", by, None, name, {"forget": forget})
        return True

    async def report_destinations(self, exporter: str, destinations: Sequence[Mapping[str, JSON]]) -> None:
        """See `Destinations`."""
        async with self._connection() as connection, connection.transaction():
            before = await connection.fetchval(
                "SELECT destinations FROM exporter_reports WHERE exporter = $1 FOR UPDATE", exporter
            )
            counted = {(one["name"], one.get("since")): one for one in before or ()}
            for one in sorted(destinations, key=lambda one: str(one["name"])):
                more = _more(counted.get((one["name"], one.get("since")), {}), one)
                if any(more):
                    await connection.execute(_TOTAL, one["name"], *more)
            await connection.execute(_REPORT, exporter, orjson.dumps(list(destinations)))
            await connection.execute("DELETE FROM exporter_reports WHERE reported_at < now() - interval '1 day'")

    async def exporter_reports(self) -> Sequence[ExporterReport]:
        """See `Destinations`."""
        async with self._connection() as connection:
            rows = await connection.fetch(_REPORTS)
        return [ExporterReport(**{**dict(row), "reported_at": time_of(row["reported_at"])}) for row in rows]

    async def destination_totals(self) -> Mapping[str, Mapping[str, int]]:
        """See `Destinations`."""
        async with self._connection() as connection:
            rows = await connection.fetch(f"SELECT destination, {', '.join(COUNTS)} FROM destination_totals")  # noqa: S608
        return {row["destination"]: {name: row[name] for name in COUNTS} for row in rows}

    async def add_job(
        self,
        destination: str,
        kind: JobKind,
        *,
        by: Actor,
        project: str | None = None,
        from_time: datetime | None = None,
        to_time: datetime | None = None,
    ) -> Job:
        """See `Destinations`."""
        times = [None if time is None else unix_us(time) for time in (from_time, to_time)]
        async with self._connection() as connection, connection.transaction():
            total = await replay_sql.about(connection, project, *times) if kind == "replay" else None
            row = await connection.fetchrow(_ADD_JOB, destination, kind, project, *times, total, by.name)
            await connection.execute(_FORGET_JOBS, destination)
            detail = {name: time.isoformat() for name, time in (("from", from_time), ("to", to_time)) if time}
            await audit(connection, f"destination.{kind}", by, project, destination, detail)
        assert row is not None
        return _job(row)

    async def list_jobs(self, destination: str, *, kind: JobKind | None = None) -> Sequence[Job]:
        """See `Destinations`."""
        async with self._connection() as connection:
            rows = await connection.fetch(
                f"SELECT {_JOB} FROM destination_jobs WHERE destination = $1 AND ($2::text IS NULL OR kind = $2) "  # noqa: S608
                "ORDER BY id DESC",
                destination,
                kind,
            )
        return [_job(row) for row in rows]

    async def get_job(self, job_id: int) -> Job | None:
        """See `Destinations`."""
        async with self._connection() as connection:
            row = await connection.fetchrow(f"SELECT {_JOB} FROM destination_jobs WHERE id = $1", job_id)  # noqa: S608
        return None if row is None else _job(row)

    async def cancel_job(self, destination: str, job_id: int, *, by: Actor) -> Job | None:
        """See `Destinations`."""
        async with self._connection() as connection, connection.transaction():
            if (await connection.execute(_CANCEL, destination, job_id)).endswith(" 1"):
                await audit(connection, "destination.cancel", by, None, destination, {"job": job_id})
            row = await connection.fetchrow(
                f"SELECT {_JOB} FROM destination_jobs WHERE destination = $1 AND id = $2",  # noqa: S608
                destination,
                job_id,
            )
        return None if row is None else _job(row)

    async def lease_jobs(
        self, exporter: str, destinations: Sequence[str], *, holding: Sequence[int], seconds: float
    ) -> Sequence[Job]:
        """See `Destinations`."""
        async with self._connection() as connection:
            rows = await connection.fetch(_LEASE, exporter, list(destinations), list(holding), seconds)
        return sorted((_job(row) for row in rows), key=lambda job: job.id)

    async def note_job(
        self,
        exporter: str,
        job_id: int,
        *,
        state: JobState,
        sent: int = 0,
        position: Mapping[str, JSON] | None = None,
        message: str = "",
    ) -> bool:
        """See `Destinations`."""
        place = None if position is None else orjson.dumps(position)
        async with self._connection() as connection:
            status = await connection.execute(_NOTE, exporter, job_id, state, sent, place, message)
        return bool(status.endswith(" 1"))

    async def replay_page(self, job: Job, *, limit: int) -> ReplayPage:
        """See `Destinations`."""
        async with self._connection() as connection:
            return await replay_sql.replay_page(connection, job, limit)


async def _held(
    connection: asyncpg.Connection[asyncpg.Record], name: str, only_if: Precondition
) -> KeptDestination | None:
    """The destination of that name, which nobody else changes until the transaction ends. Raises Changed."""
    row = await connection.fetchrow(_GET_TO_CHANGE, name)
    if row is None:
        return None
    kept = _destination(row)
    only_if.check(kept.version)
    return kept


async def _change(
    connection: asyncpg.Connection[asyncpg.Record], definition: Mapping[str, JSON], action: str, by: Actor
) -> KeptDestination:
    name = definition["name"]
    row = await connection.fetchrow(_CHANGE, name, orjson.dumps(definition))
    assert row is not None
    await audit(connection, action, by, None, str(name), shown(definition))
    return _destination(row)


def _more(before: Mapping[str, JSON], now: Mapping[str, JSON]) -> list[int]:
    return [max(0, int(now.get(name) or 0) - int(before.get(name) or 0)) for name in COUNTS]


def _destination(row: asyncpg.Record) -> KeptDestination:
    return KeptDestination(**{**dict(row), **_times(row, "created_at", "changed_at")})


def _job(row: asyncpg.Record) -> Job:
    return Job(**{**dict(row), **_times(row, "from_time", "to_time", "created_at", "finished_at")})


def _times(row: asyncpg.Record, *names: str) -> dict[str, Any]:
    return {name: None if row[name] is None else time_of(row[name]) for name in names}

"""Retention over asyncpg."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from llmflow_store import retention_size, retention_sql
from llmflow_store.administration import Actor
from llmflow_store.postgres_administration import audit, held_project, time_of
from llmflow_store.retention import (
    FOR_EVER,
    KINDS,
    ProjectRetention,
    RetentionDays,
    RetentionOverride,
    RetentionReport,
)
from llmflow_store.versions import UNCONDITIONAL, Precondition

if TYPE_CHECKING:
    import asyncpg

_GET = f"""
SELECT {", ".join(f"r.{kind}" for kind in KINDS)}, s.defaults, s.applied_at
FROM projects AS p LEFT JOIN project_retention AS r ON r.project = p.name LEFT JOIN retention_status AS s ON true
WHERE p.name = $1
"""  # noqa: S608 - the kinds are constants
_SET = f"""
INSERT INTO project_retention (project, {", ".join(KINDS)})
SELECT p.name, $2, $3, $4, $5, $6 FROM projects AS p WHERE p.name = $1
ON CONFLICT (project) DO UPDATE SET {", ".join(f"{kind} = excluded.{kind}" for kind in KINDS)}
"""  # noqa: S608
#: Held until the connection ends by whoever applies retention.
_ELECTED = "SELECT pg_try_advisory_lock(70417)"


class PostgresRetention:
    """`Retention` for a class with a pool; see there for every method."""

    def _connection(self) -> AbstractAsyncContextManager[asyncpg.Connection[asyncpg.Record]]:
        raise NotImplementedError

    def _own_connection(self) -> AbstractAsyncContextManager[asyncpg.Connection[asyncpg.Record]]:
        raise NotImplementedError

    async def get_retention(self, project: str) -> ProjectRetention | None:
        """See `Retention`."""
        async with self._connection() as connection:
            row = await connection.fetchrow(_GET, project)
        return None if row is None else _retention(row)

    async def set_retention(
        self, project: str, override: RetentionOverride, *, by: Actor, only_if: Precondition = UNCONDITIONAL
    ) -> ProjectRetention | None:
        """See `Retention`."""
        wanted = asdict(override)
        async with self._connection() as connection, connection.transaction():
            if await held_project(connection, project) is None:
                return None
            before = await connection.fetchrow(_GET, project)
            assert before is not None
            only_if.check(_retention(before).version)
            await connection.execute(_SET, project, *wanted.values())
            await audit(connection, "retention.set", by, project, project, wanted)
            row = await connection.fetchrow(_GET, project)
        return None if row is None else _retention(row)

    async def applied_retention(self) -> RetentionDays | None:
        """See `Retention`."""
        async with self._connection() as connection:
            defaults = await connection.fetchval("SELECT defaults FROM retention_status")
        return None if defaults is None else RetentionDays(**defaults)

    async def apply_retention(
        self,
        defaults: RetentionDays,
        *,
        audit_days: int = FOR_EVER,
        max_bytes: int | None = None,
        dry_run: bool = False,
    ) -> RetentionReport | None:
        """See `Retention`."""
        now, report = datetime.now(UTC), RetentionReport()
        async with self._own_connection() as connection:
            times = await retention_sql.read_times(connection, defaults, now)
            if dry_run:
                await retention_sql.preview(connection, times, report)
            elif not await connection.fetchval(_ELECTED):
                return None
            else:
                await retention_sql.save_status(connection, defaults)
                complete = await retention_sql.remove(connection, times, report)
                if complete and max_bytes is not None:
                    await retention_size.shrink(connection, times, max_bytes, now, report)
            await retention_sql.remove_audit(connection, audit_days, now, report, dry_run=dry_run)
            report.database_bytes = await connection.fetchval("SELECT pg_database_size(current_database())")
        return report


def _retention(row: asyncpg.Record) -> ProjectRetention:
    override = RetentionOverride(**{kind: row[kind] for kind in KINDS})
    if row["defaults"] is None:
        return ProjectRetention(override=override, days=None, applied_at=None)
    days = RetentionDays(**row["defaults"]).with_override(override)
    return ProjectRetention(override=override, days=days, applied_at=time_of(row["applied_at"]))

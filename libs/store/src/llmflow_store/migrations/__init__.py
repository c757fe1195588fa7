"""Brings a database's schema up to date: a job that runs before the services, never a part of them.

`NNNN_name.sql` beside this module run once each, in order, each in a transaction with its entry in `schema_migrations`.
What lies in `repeatable/` can be run any number of times and is, by every run: at its end, and before what is pending
too where there are tables already, so that it finds the functions of this version. An advisory lock makes concurrent
runs wait for each other.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from importlib.resources import files
from typing import Any

import asyncpg

from llmflow_core.errors import Permanent
from llmflow_store.connections import check_url
from llmflow_store.migrations.attribute_index import index_attributes
from llmflow_store.migrations.compression import compress

logger = logging.getLogger(__name__)

DEFAULT_CHUNK_INTERVAL = timedelta(days=1)

_ADVISORY_LOCK = 0x11F10
_CONNECT_SECONDS = 10.0

#: Tables that become hypertables where TimescaleDB is there, by the column that cuts them into chunks.
_HYPERTABLES = {
    "spans": "start_time",
    "span_content": "start_time",
    "content_words": "start_time",
    "trace_terms": "start_time",
    "rollups_minute": "bucket",
    "logs": "time",
    "metric_points": "time",
}

#: What a migration does that SQL cannot, after its statements and in the same transaction.
_STEPS = {4: index_attributes}


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered file. `checksum` is the SHA-256 of its text, so that a change after the fact is noticed."""

    version: int
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        """Hexadecimal."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


@cache
def migrations() -> tuple[Migration, ...]:
    """Every numbered migration of this version of LLMFlow, in order."""
    found = [entry for entry in files(__name__).iterdir() if entry.name.endswith(".sql")]
    return tuple(
        Migration(int(entry.name[:4]), entry.name.removesuffix(".sql"), entry.read_text())
        for entry in sorted(found, key=lambda entry: entry.name)
    )


def newest_version() -> int:
    """The version that a database must have for this code."""
    return migrations()[-1].version


async def migrate(
    database_url: str,
    *,
    chunk_interval: timedelta = DEFAULT_CHUNK_INTERVAL,
    compress_after: timedelta | None = None,
    refuse_newer: bool = False,
) -> list[str]:
    """Bring the schema up to date and return the names of the migrations that were needed.

    Where TimescaleDB can be had the tables become hypertables whose new chunks span `chunk_interval`, with the data
    that they hold, and where its licence allows that, chunks older than `compress_after` get compressed; where it
    cannot be had they stay ordinary tables. A database that a newer LLMFlow has migrated is left as it is, for old and
    new run side by side during an update, unless `refuse_newer`: then it raises Permanent, as it does when a migration
    that was applied has changed since. Raises asyncpg's errors too.
    """
    check_url(database_url)
    connection = await asyncpg.connect(database_url, timeout=_CONNECT_SECONDS)
    try:
        await connection.execute("SELECT pg_advisory_lock($1)", _ADVISORY_LOCK)
        applied = await _applied(connection)
        newest = max(applied, default=0)
        if newest > newest_version():
            newer = f"the schema is of version {newest}, newer than this LLMFlow, which knows {newest_version()}"
            if refuse_newer:
                raise Permanent(f"{newer}: start the newer one, or bring back a copy of the data from before it")
            logger.warning("%s; left as it is", newer)
            return []
        return await _migrate(connection, applied, chunk_interval, compress_after)
    finally:
        await connection.close()


async def _migrate(
    connection: asyncpg.Connection[Any],
    applied: Mapping[int, str],
    chunk_interval: timedelta,
    compress_after: timedelta | None,
) -> list[str]:
    for migration in migrations():
        if applied.get(migration.version, migration.checksum) != migration.checksum:
            raise Permanent(f"migration {migration.name} is not the one that was applied to this database")
    pending = [migration for migration in migrations() if migration.version not in applied]
    if applied and pending:
        await _run_repeatable(connection)
    for migration in pending:
        async with connection.transaction():
            await connection.execute(migration.sql)
            if migration.version in _STEPS:
                await _STEPS[migration.version](connection)
            await connection.execute(
                "INSERT INTO schema_migrations (version, name, checksum) VALUES ($1, $2, $3)",
                migration.version,
                migration.name,
                migration.checksum,
            )
    await _run_repeatable(connection)
    if await _has_timescaledb(connection):
        await _use_timescaledb(connection, chunk_interval)
        if compress_after is not None:
            await compress(connection, compress_after)
    else:
        logger.info("TimescaleDB is not installed: the tables are ordinary ones")
    return [migration.name for migration in pending]


async def _run_repeatable(connection: asyncpg.Connection[Any]) -> None:
    async with connection.transaction():
        for entry in sorted((files(__name__) / "repeatable").iterdir(), key=lambda entry: entry.name):
            await connection.execute(entry.read_text())


async def _applied(connection: asyncpg.Connection[Any]) -> dict[int, str]:
    await connection.execute(
        "CREATE TABLE IF NOT EXISTS schema_migrations ("
        " version integer PRIMARY KEY, name text NOT NULL, checksum text NOT NULL,"
        " applied_at timestamptz NOT NULL DEFAULT now())"
    )
    rows = await connection.fetch("SELECT version, checksum FROM schema_migrations")
    return {row["version"]: row["checksum"] for row in rows}


async def _use_timescaledb(connection: asyncpg.Connection[Any], chunk_interval: timedelta) -> None:
    for table, column in _HYPERTABLES.items():
        async with connection.transaction():
            await connection.execute(
                "SELECT create_hypertable($1::text::regclass, by_range($2::text::name, $3::interval),"
                " create_default_indexes => false, if_not_exists => true, migrate_data => true)",
                table,
                column,
                chunk_interval,
            )
            await connection.execute(
                "SELECT set_chunk_time_interval($1::text::regclass, $2::interval)", table, chunk_interval
            )


async def _has_timescaledb(connection: asyncpg.Connection[Any]) -> bool:
    """Whether the extension is in this database, after adding it where the server and the role allow that."""
    if await connection.fetchval("SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb')"):
        return True
    # Creating it on a server that has not preloaded it would end the connection.
    can = await connection.fetchval(
        "SELECT EXISTS (SELECT FROM pg_available_extensions WHERE name = 'timescaledb')"
        " AND EXISTS (SELECT FROM pg_settings WHERE name LIKE 'timescaledb.%')"
    )
    if not can:
        return False
    try:
        await connection.execute("CREATE EXTENSION IF NOT EXISTS timescaledb")
    except asyncpg.InsufficientPrivilegeError:
        logger.warning("TimescaleDB is there, but only a superuser can add it: CREATE EXTENSION timescaledb")
        return False
    return True

"""What can be told of a database without using it."""

from __future__ import annotations

import time
from dataclasses import dataclass

import asyncpg

from llmflow_core.errors import LLMFlowError
from llmflow_store.connections import check_url
from llmflow_store.migrations import newest_version

_CONNECT_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class DatabaseFacts:
    """A database: its server's version as it writes it, the version of its schema (0 without one) and that which this
    LLMFlow needs, TimescaleDB's version in it (None without), its size in bytes, and how many seconds the server's
    clock is ahead of this machine's."""

    server_version: str
    schema_version: int
    needed_version: int
    timescaledb: str | None
    size_bytes: int
    clock_ahead: float


async def inspect_database(database_url: str) -> DatabaseFacts:
    """Look at the database that `database_url` names. Raises LLMFlowError when that is not possible, which
    is ConfigError for what is no URL."""
    check_url(database_url)
    try:
        connection = await asyncpg.connect(database_url, timeout=_CONNECT_SECONDS)
    except (OSError, ValueError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise LLMFlowError(f"no connection: {str(error) or type(error).__name__}") from error
    try:
        migrated = await connection.fetchval("SELECT to_regclass('schema_migrations') IS NOT NULL")
        version = await connection.fetchval("SELECT max(version) FROM schema_migrations") if migrated else 0
        began = time.time()
        server_time = await connection.fetchval("SELECT extract(epoch FROM clock_timestamp())::float8")
        return DatabaseFacts(
            server_version=await connection.fetchval("SELECT current_setting('server_version')"),
            schema_version=version or 0,
            needed_version=newest_version(),
            timescaledb=await connection.fetchval("SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'"),
            size_bytes=await connection.fetchval("SELECT pg_database_size(current_database())"),
            clock_ahead=server_time - (began + time.time()) / 2,
        )
    except asyncpg.PostgresError as error:
        raise LLMFlowError(str(error)) from error
    finally:
        await connection.close()

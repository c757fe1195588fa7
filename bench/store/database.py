"""The databases that are measured: made once, kept in the tests' cache, filled by the store's own write path.

A folder of the cache holds one, named by the server, the number of spans and the generator's version; when the schema
has changed since, it is migrated as any database is. Filling can be broken off and goes on where it was: a batch of
spans is one transaction, noted beside it.
"""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from bench.store.spans import SPANS_PER_BATCH, VERSION, Generator, Month
from llmflow_store import open_store
from llmflow_store.migrations import migrate
from llmflow_testkit.clusters import RunningPostgres, start_embedded_postgres, start_timescaledb
from llmflow_testkit.clusters.cache import cache_root

#: What docs/deploy.md recommends, on a machine with 16 GB and more.
RECOMMENDED: Mapping[str, str] = {
    "shared_buffers": "4GB",
    "effective_cache_size": "12GB",
    "work_mem": "32MB",
    "maintenance_work_mem": "512MB",
    "random_page_cost": "1.1",
    "max_wal_size": "8GB",
    "checkpoint_timeout": "15min",
    "wal_compression": "lz4",
    "default_toast_compression": "lz4",
}
_CONTENTS_AT_ONCE = 500
_DAYS_AT_ONCE = 5
_PROGRESS = """
CREATE TABLE IF NOT EXISTS bench_month (spans bigint, end_ns bigint);
CREATE TABLE IF NOT EXISTS bench_batches (batch integer PRIMARY KEY, written_at timestamptz NOT NULL DEFAULT now());
"""


@dataclass(frozen=True)
class Database:
    """A filled database that is running."""

    url: str
    month: Month
    server: RunningPostgres
    description: str


def folder_of(server: str, spans: int) -> Path:
    """Where the data of such a database is."""
    return cache_root() / "bench-store" / f"{server}-{spans}-{VERSION}"


@contextlib.contextmanager
def filled(server: str, spans: int, *, writers: int) -> Iterator[Database]:
    """The database of `spans` spans on TimescaleDB (`timescaledb`) or the embedded PostgreSQL (`embedded`)."""
    folder = folder_of(server, spans)
    folder.parent.mkdir(parents=True, exist_ok=True)
    start = {
        "timescaledb": lambda: start_timescaledb(folder, RECOMMENDED),
        "embedded": lambda: start_embedded_postgres(folder),
    }
    with start[server]() as running:
        month = asyncio.run(_prepare(running.url, spans))
        _fill(running.url, month, writers)
        yield Database(running.url, month, running, asyncio.run(_description(running.url)))


async def _prepare(url: str, spans: int) -> Month:
    changed = await migrate(url)
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(_PROGRESS)
        if changed:
            await connection.execute("ANALYZE")
        end_ns = await connection.fetchval("SELECT end_ns FROM bench_month")
        if end_ns is None:
            end_ns = time.time_ns()
            await connection.execute("INSERT INTO bench_month VALUES ($1, $2)", spans, end_ns)
        return Month(spans, end_ns)
    finally:
        await connection.close()


def _fill(url: str, month: Month, writers: int) -> None:
    missing = asyncio.run(_missing(url, month))
    if missing:
        share = -(-len(missing) // writers)
        parts = [missing[begin : begin + share] for begin in range(0, len(missing), share)]
        with multiprocessing.get_context("spawn").Pool(writers) as pool:
            pool.starmap(_write, [(url, month, part) for part in parts], chunksize=1)
    asyncio.run(_finish(url, vacuum=bool(missing)))


async def _missing(url: str, month: Month) -> list[int]:
    connection = await asyncpg.connect(url)
    try:
        written = {row["batch"] for row in await connection.fetch("SELECT batch FROM bench_batches")}
    finally:
        await connection.close()
    return [batch for batch in range(month.batches) if batch not in written]


def _write(url: str, month: Month, batches: list[int]) -> None:
    asyncio.run(_write_batches(url, month, batches))


async def _write_batches(url: str, month: Month, batches: list[int]) -> None:
    generator = Generator(month)
    store = open_store(url, min_size=1, max_size=1)
    noting = await asyncpg.connect(url)
    began = time.monotonic()
    try:
        for done, batch in enumerate(batches, 1):
            await store.write_spans(generator.batch(batch))
            # A batch that was written and not noted is written again, which changes nothing.
            await noting.execute("INSERT INTO bench_batches VALUES ($1)", batch)
            rate = done * SPANS_PER_BATCH / (time.monotonic() - began)
            print(f"batch {batch}, {len(batches) - done} to go, {rate:.0f} spans/s", file=sys.stderr, flush=True)
    finally:
        await noting.close()
        await store.close()


async def _finish(url: str, *, vacuum: bool) -> None:
    """Do what a server does by itself sooner or later."""
    store = open_store(url, min_size=1, max_size=1)
    try:
        while await store.index_content(limit=_CONTENTS_AT_ONCE):
            vacuum = True
        while await store.make_user_rollups(limit=_DAYS_AT_ONCE):
            vacuum = True
    finally:
        await store.close()
    if vacuum:
        connection = await asyncpg.connect(url)
        try:
            await connection.execute("VACUUM (ANALYZE)")
        finally:
            await connection.close()


async def _description(url: str) -> str:
    connection = await asyncpg.connect(url)
    try:
        version = str(await connection.fetchval("SHOW server_version")).split()[0]
        extension = await connection.fetchval("SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'")
        size = await connection.fetchval("SELECT pg_size_pretty(pg_database_size(current_database()))")
        settings = await connection.fetch(
            "SELECT name, current_setting(name) AS value FROM pg_settings WHERE name = ANY ($1) ORDER BY name",
            ["shared_buffers", "effective_cache_size", "work_mem", "random_page_cost"],
        )
    finally:
        await connection.close()
    name = f"TimescaleDB {extension} on PostgreSQL {version}" if extension else f"embedded PostgreSQL {version}"
    return f"{name}, {size}; " + ", ".join(f"{row['name']} {row['value']}" for row in settings)

"""What the migrations leave behind, on either kind of database."""

from __future__ import annotations

import itertools
import random
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from llmflow_core.errors import Permanent
from llmflow_store import migrations, open_store, sketch
from llmflow_store.migrations import migrate, newest_version
from llmflow_store.rollups import sketch_text
from llmflow_testkit.recount import assert_rollups_match
from llmflow_testkit.service_process import environment_of
from llmflow_testkit.spans import random_spans

_CHUNKED = ("content_words", "logs", "metric_points", "rollups_minute", "span_content", "spans", "trace_terms")
HYPERTABLES = "SELECT hypertable_name::text, time_interval FROM timescaledb_information.dimensions ORDER BY 1"


@pytest.fixture
def database_url(migrated_database_url: str) -> str:
    """Where the migrated database is."""
    return migrated_database_url


@pytest_asyncio.fixture
async def database(database_url: str) -> AsyncIterator[asyncpg.Connection[Any]]:
    """A connection to the migrated database."""
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


@pytest.mark.timescaledb
async def test_tables_are_cut_into_chunks_of_the_interval_set(timescaledb_url: str) -> None:
    for hours in (24, 6):
        await migrate(timescaledb_url, chunk_interval=timedelta(hours=hours))
        connection = await asyncpg.connect(timescaledb_url)
        try:
            rows = [tuple(row) for row in await connection.fetch(HYPERTABLES)]
        finally:
            await connection.close()
        assert rows == [(name, timedelta(hours=hours)) for name in _CHUNKED]


@pytest.mark.timescaledb
async def test_data_from_before_timescaledb_is_kept(timescaledb_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def absent(_: object) -> bool:
        return False

    spans = random_spans(random.Random(3), 50)
    store = open_store(timescaledb_url)
    try:
        with monkeypatch.context() as patch:
            patch.setattr(migrations, "_has_timescaledb", absent)
            await migrate(timescaledb_url)
            await store.write_spans(spans[:30])
        await migrate(timescaledb_url)
        assert (await store.write_spans(spans)).duplicates == 30
    finally:
        await store.close()
    assert await assert_rollups_match(timescaledb_url) == 50


async def test_sums_that_a_migration_adds_hold_what_was_there(
    database: asyncpg.Connection[Any], database_url: str
) -> None:
    store = open_store(database_url)
    await store.write_spans(random_spans(random.Random(4), 50))
    await store.close()
    await database.execute(
        "DROP TABLE rollups_total_day, rollups_total_week; DELETE FROM schema_migrations WHERE version IN (6, 10, 11);"
        " DELETE FROM rollups_value_hour WHERE dimension IN ('model', 'model, whole', 'all');"
        " DELETE FROM rollups_value_day WHERE dimension IN ('model', 'model, whole', 'all')"
    )
    assert await migrate(database_url) == ["0006_read_rollups", "0010_rollups_of_all", "0011_rollups_of_models"]
    assert await assert_rollups_match(database_url) == 50


async def test_large_columns_are_compressed_with_lz4_where_the_server_has_it(
    database: asyncpg.Connection[Any], database_url: str
) -> None:
    store = open_store(database_url)
    await store.write_spans(random_spans(random.Random(1), 5))
    await store.close()
    has_lz4 = await database.fetchval(
        "SELECT 'lz4' = ANY (enumvals) FROM pg_settings WHERE name = 'default_toast_compression'"
    )
    methods = await database.fetch(
        "SELECT DISTINCT attcompression::text FROM pg_attribute WHERE attname = 'content' AND attrelid IN"
        " (SELECT oid FROM pg_class WHERE relkind = 'r' AND relname <> 'staged_spans') AND atttypid = 'jsonb'::regtype"
    )
    assert [row[0] for row in methods] == (["l"] if has_lz4 else [""])


async def test_sketches_merge_in_sql_as_in_python(database: asyncpg.Connection[Any]) -> None:
    rng = random.Random(5)
    pairs = []
    for size, added, new in itertools.product((0, 1, 3, 60), (0, 1, 4, 40), (0, 2, 30)):
        there = rng.sample(range(100), size)
        buckets = set(rng.sample(there, min(size, added))) | set(rng.sample(range(100, 150), new))
        pairs.append([{bucket: rng.randrange(1, 99) for bucket in chosen} for chosen in (there, buckets)])
    rows = await database.fetch(
        "SELECT (m).buckets, (m).counts FROM (SELECT sketch_merge(a::sketch, b::sketch) AS m"
        " FROM unnest($1::text[], $2::text[]) AS p (a, b)) AS s",
        *([sketch_text(side) for side in sides] for sides in zip(*pairs, strict=True)),
    )
    for pair, row in zip(pairs, rows, strict=True):
        assert row["buckets"] == sorted(row["buckets"])
        assert dict(zip(row["buckets"], row["counts"], strict=True)) == sketch.merge(pair)


async def test_sketches_in_sql_agree_with_those_in_python(database: asyncpg.Connection[Any]) -> None:
    rng = random.Random(9)
    halves = [[int(rng.lognormvariate(19, 4)) for _ in range(500)] + [0, 1, 2, 2**63 - 1] for _ in range(2)]
    row = await database.fetchrow(
        "SELECT (s).buckets, (s).counts, sketch_quantile(s, 0.5) AS p50, sketch_quantile(s, 0.99) AS p99"
        " FROM (SELECT sketch_sum(sketch_of(v)) AS s FROM (VALUES ($1::bigint[]), ($2), ('{}')) AS t (v)) AS merged",
        *halves,
    )
    assert row is not None
    expected = Counter(map(sketch.bucket_of, halves[0] + halves[1]))
    assert dict(zip(row["buckets"], row["counts"], strict=True)) == expected
    assert row["p50"] == pytest.approx(sketch.quantile(expected, 0.5))
    assert row["p99"] == pytest.approx(sketch.quantile(expected, 0.99))
    assert await database.fetchval("SELECT sketch_quantile(sketch_of('{}'), 0.5)") is None


async def test_a_migration_that_changed_since_is_refused(database: asyncpg.Connection[Any], database_url: str) -> None:
    await database.execute("UPDATE schema_migrations SET checksum = 'other' WHERE version = 1")
    with pytest.raises(Permanent, match="0001"):
        await migrate(database_url)


async def test_a_newer_schema_is_left_alone_and_healthy(
    database: asyncpg.Connection[Any], database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    await database.execute("INSERT INTO schema_migrations VALUES ($1, 'later', '')", newest_version() + 1)
    assert await migrate(database_url) == []
    assert "newer than this LLMFlow" in caplog.text
    store = open_store(database_url)
    assert await store.healthy()
    await store.close()
    with pytest.raises(Permanent, match="start the newer one"):
        await migrate(database_url, refuse_newer=True)


def test_the_job_ends_with_0_when_all_is_well_and_says_what_is_wrong_otherwise(embedded_database_url: str) -> None:
    def run(url: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        environment = environment_of({"LLMFLOW_DATABASE_URL": url})
        command = [sys.executable, "-m", "llmflow_store", *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)

    done = run(embedded_database_url, "migrate")
    assert (done.returncode, "0001_spans" in done.stderr) == (0, True)
    failed = run(f"{embedded_database_url}_absent", "migrate")
    assert failed.returncode == 1
    assert "_absent" in failed.stderr
    assert "Traceback" not in failed.stderr
    assert run(embedded_database_url, "drop").returncode == 2
    assert run(embedded_database_url, "migrate", "--now").returncode == 2

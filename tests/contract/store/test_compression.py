"""Compression is asked for only where the server's licence has it. The Apache-licensed build, which tests run on, has
none: that a server obeys is not tested, only that it is asked."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, cast

import asyncpg
import pytest

from llmflow_store.migrations import migrate
from llmflow_store.migrations.compression import compress

WEEK = timedelta(days=7)


class RecordingConnection:
    """A server with a licence that takes down what it is told."""

    def __init__(self, licence: str | None) -> None:
        self.licence = licence
        self.told: list[str] = []

    async def fetchval(self, _: str) -> str | None:
        return self.licence

    async def execute(self, statement: str, *_: object) -> None:
        self.told.append(statement)

    def transaction(self) -> RecordingConnection:
        return self

    async def __aenter__(self) -> None:
        pass

    async def __aexit__(self, *_: object) -> None:
        pass


@pytest.mark.parametrize(("licence", "statements"), [("timescale", 12), ("apache", 0), (None, 0)])
async def test_only_a_licence_that_allows_it_is_asked(licence: str | None, statements: int) -> None:
    connection = RecordingConnection(licence)
    assert await compress(cast(Any, connection), WEEK) is bool(statements)
    assert len(connection.told) == statements
    assert all("compress" in statement for statement in connection.told)


@pytest.mark.timescaledb
async def test_the_apache_licensed_build_is_left_alone(timescaledb_url: str, caplog: pytest.LogCaptureFixture) -> None:
    await migrate(timescaledb_url, compress_after=WEEK)
    assert "cannot compress" in caplog.text
    connection = await asyncpg.connect(timescaledb_url)
    try:
        compressed = "SELECT bool_or(compression_enabled) FROM timescaledb_information.hypertables"
        assert await connection.fetchval(compressed) is False
    finally:
        await connection.close()

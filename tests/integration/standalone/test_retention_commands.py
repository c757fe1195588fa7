"""`llmflow retention` against a real query API and its database."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from typer.testing import CliRunner

from llmflow.cli import app
from llmflow_query_api.app import create_app
from llmflow_query_api.settings import QueryApiSettings
from llmflow_store import open_store
from llmflow_store.retention import RetentionDays
from llmflow_testkit.providers import BackgroundServer
from llmflow_testkit.spans import make_span

Run = Callable[..., Any]
MONTH = RetentionDays(spans=30, content=30, rollups=30, logs=30, metrics=30)
DAY_NS = 86_400 * 10**9


async def _fill(url: str) -> None:
    store = open_store(url)
    assert await store.apply_retention(MONTH) is not None
    await store.write_spans([make_span(start_time_ns=time.time_ns() - days * DAY_NS) for days in (1, 5, 50)])
    await store.close()


@pytest.fixture
def run(migrated_embedded_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Runs `llmflow` with some arguments, on a database with traces that are 1, 5 and 50 days old, whose writer keeps
    them for 30 days."""
    asyncio.run(_fill(migrated_embedded_url))
    settings = QueryApiSettings(host="127.0.0.1", auth_password="right", database_url=migrated_embedded_url)
    with BackgroundServer(create_app(settings)) as server:
        monkeypatch.setenv("LLMFLOW_API_URL", server.url)
        monkeypatch.setenv("AUTH_PASSWORD", "right")
        monkeypatch.setenv("LLMFLOW_DATABASE_URL", migrated_embedded_url)
        for name in ("LLMFLOW_API_KEY", "AUTH_USERNAME", "LLMFLOW_PROJECT"):
            monkeypatch.delenv(name, raising=False)
        # The shell's own, which would remove what the writer keeps.
        monkeypatch.setenv("RETENTION_DAYS", "1")
        yield lambda *arguments: CliRunner().invoke(app, ["retention", *arguments])


def printed(result: Any) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_what_is_past_its_time_is_counted_then_removed(run: Run) -> None:
    assert printed(run("apply", "--dry-run", "--json"))["rows"].items() >= {"traces": 1, "spans": 1}.items()
    assert printed(run("apply", "--json"))["rows"].items() >= {"traces": 1, "spans": 1, "trace_terms": 1}.items()
    assert run("apply").stdout == "Nothing is past its time.\n"
    assert printed(run("set", "--spans", "3", "--rollups", "0", "--json"))["days"]["spans"] == 3
    assert ["rollups", "0", "0"] in [line.split() for line in run("show").stdout.splitlines()]
    assert "traces" in run("apply").stdout
    assert printed(run("show", "--json"))["chosen"]["content"] is None
    assert run("set", "--spans", "-1").exit_code == 2
    assert "there is no project absent" in run("show", "-p", "absent").stderr


def test_without_a_writer_nobody_knows_the_days(migrated_embedded_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLMFLOW_DATABASE_URL", migrated_embedded_url)
    refused = CliRunner().invoke(app, ["retention", "apply"])
    assert refused.exit_code == 1
    assert "no writer has ever worked on this database" in refused.stderr

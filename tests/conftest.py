"""Fixtures that every test may ask for; those of single backends are in `llmflow_testkit.plugin`."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import llmflow
from llmflow_testkit.clusters import create_database, start_kafka
from llmflow_testkit.clusters.availability import available
from llmflow_testkit.stack import Stack

if TYPE_CHECKING:
    from llmflow_testkit.providers import FakeProvider

pytest_plugins = ["llmflow_testkit.plugin", "llmflow_testkit.providers.fixtures"]

EMBEDDED = pytest.param("embedded", id="embedded-log-and-postgresql")
CLUSTER = pytest.param("cluster", id="kafka-and-timescaledb", marks=[pytest.mark.kafka, pytest.mark.timescaledb])


@pytest.fixture(scope="module", params=[EMBEDDED, CLUSTER])
def stack(request: pytest.FixtureRequest, session_dir: Path, fake_provider: FakeProvider) -> Iterator[Stack]:
    """Every service in a process of its own, HTTP ones under gunicorn, once on embedded parts and once on real ones."""
    folder = Path(tempfile.mkdtemp(prefix="stack-", dir=session_dir))
    environment = {
        "OPENAI_BASE_URL": f"{fake_provider.url}/v1",
        "ANTHROPIC_BASE_URL": fake_provider.url,
        "LLMFLOW_FRONTEND_DIR": str(Path(llmflow.__file__).parent / "page"),
    }
    if request.param == "embedded":
        database_url = create_database(request.getfixturevalue("embedded_server").url)
        bus_url = f"embedded://{folder}/log"
        with Stack(folder, bus_url=bus_url, database_url=database_url, environment=environment) as running:
            yield running
        return
    database_url = create_database(request.getfixturevalue("timescaledb_server").url)
    with (
        available(lambda: start_kafka(folder / "kafka")) as kafka,
        Stack(folder, bus_url=kafka.url, database_url=database_url, environment=environment) as running,
    ):
        yield running

"""Pytest fixtures for the real backends. A test names what it needs; ports, downloads and clean-up are dealt with here.

One server of a kind serves a whole run and is stopped at its end; a database is made for each test that asks for one.
`LLMFLOW_TEST_KAFKA` (kafka://host:port) and `LLMFLOW_TEST_DATABASE` (postgresql://user:password@host:port/database; the
user may create databases, TimescaleDB is installed) name servers to use instead. A backend that the machine cannot
provide skips the test, or fails it where the variable `CI` is set. `LLMFLOW_TEST_CHROMIUM` names another Chromium than
the system's.
"""

from __future__ import annotations

import os
import signal
import ssl
import tempfile
from collections.abc import AsyncIterator, Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from httpx import _config
from httpx._transports import default as _transports

from llmflow_testkit.chromium import find_chromium, running_chromium
from llmflow_testkit.clusters import (
    RunningKafka,
    RunningPostgres,
    close_database,
    create_database,
    drop_database,
    migrate_now,
    start_embedded_postgres,
    start_kafka,
    start_timescaledb,
)
from llmflow_testkit.clusters.availability import available
from llmflow_testkit.clusters.leftovers import remove, run_folder

if TYPE_CHECKING:
    from playwright.async_api import Browser, ConsoleMessage, Page


_CLIENT_SECONDS = 30.0
#: How long a page may take to do or show what a test expects, on a machine that is busy with other tests.
_PATIENCE_MS = 60_000


def pytest_configure() -> None:
    """Spans of tests have fixed times, which a writer with the usual settings would find past their time.

    A client of httpx that is not told otherwise waits five seconds, less than a server of a test may take on a machine
    that is busy with other tests. Background jobs of scripts ignore SIGINT, and so would what the tests start and end
    by it.
    """
    os.environ["RETENTION_DAYS"] = "0"
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    usual = _config.DEFAULT_TIMEOUT_CONFIG
    usual.connect = usual.read = usual.write = usual.pool = _CLIENT_SECONDS
    vars(_transports)["create_ssl_context"] = _ssl_context


@pytest.fixture(scope="session")
def session_dir() -> Iterator[Path]:
    """An empty folder for servers, which other users may pass through (pytest's own `tmp_path` is closed to them)."""
    with run_folder() as folder:
        yield folder


@pytest.fixture
def server_dir(session_dir: Path) -> Iterator[Path]:
    """The same for one test."""
    folder = Path(tempfile.mkdtemp(dir=session_dir))
    folder.chmod(0o711)
    yield folder
    remove(folder)


@pytest.fixture(scope="session")
def kafka_server(session_dir: Path) -> Iterator[RunningKafka]:
    """The run's broker. A test that stops or kills one takes `own_kafka`."""
    with available(lambda: start_kafka(session_dir / "kafka")) as server:
        yield server


@pytest.fixture(scope="session")
def kafka_url(request: pytest.FixtureRequest) -> str:
    """A broker for `open_bus`, shared by all tests: use topics and groups of your own."""
    given = os.environ.get("LLMFLOW_TEST_KAFKA")
    return given or str(request.getfixturevalue("kafka_server").url)


@pytest.fixture
def own_kafka(server_dir: Path) -> Iterator[RunningKafka]:
    """A broker for this test alone, to stop, kill and start again."""
    with available(lambda: start_kafka(server_dir / "kafka"), shared="LLMFLOW_TEST_KAFKA") as server:
        yield server


@pytest.fixture(scope="session")
def embedded_server(session_dir: Path) -> Iterator[RunningPostgres]:
    """The run's embedded PostgreSQL. A test that stops or kills one takes `own_embedded_postgres`."""
    with start_embedded_postgres(session_dir / "embedded-postgres") as server:
        yield server


@pytest.fixture
def embedded_database_url(embedded_server: RunningPostgres) -> Iterator[str]:
    """An empty database on the embedded PostgreSQL, dropped after the test."""
    yield from _database(embedded_server.url)


@pytest.fixture
def own_embedded_postgres(server_dir: Path) -> Iterator[RunningPostgres]:
    """An embedded PostgreSQL for this test alone, to stop, kill and start again; `url` is an empty database."""
    with start_embedded_postgres(server_dir / "embedded-postgres") as server:
        yield server


@pytest.fixture(scope="session")
def timescaledb_server(session_dir: Path) -> Iterator[RunningPostgres]:
    """The run's TimescaleDB. A test that stops or kills one takes `own_timescaledb`."""
    with available(lambda: start_timescaledb(session_dir / "timescaledb")) as server:
        yield server


@pytest.fixture
def timescaledb_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """An empty database on TimescaleDB, without the extension yet, dropped after the test."""
    given = os.environ.get("LLMFLOW_TEST_DATABASE")
    yield from _database(given or str(request.getfixturevalue("timescaledb_server").url))


@pytest.fixture
def own_timescaledb(server_dir: Path) -> Iterator[RunningPostgres]:
    """A TimescaleDB for this test alone, to stop, kill and start again; `url` is an empty database."""
    with available(lambda: start_timescaledb(server_dir / "timescaledb"), shared="LLMFLOW_TEST_DATABASE") as server:
        yield server


@pytest.fixture(params=["embedded", pytest.param("timescaledb", marks=pytest.mark.timescaledb)])
def empty_database_url(request: pytest.FixtureRequest) -> str:
    """An empty database; the test runs once on each kind."""
    name = {"embedded": "embedded_database_url", "timescaledb": "timescaledb_url"}[request.param]
    return str(request.getfixturevalue(name))


@pytest.fixture
def database_url(empty_database_url: str) -> str:
    """The database of the test: empty, unless its suite says otherwise."""
    return empty_database_url


@pytest.fixture(scope="session")
def embedded_template(embedded_server: RunningPostgres) -> Iterator[str]:
    """A migrated database on the embedded PostgreSQL, to copy."""
    for url in _database(embedded_server.url):
        migrate_now(url)
        yield url


@pytest.fixture
def migrated_embedded_url(embedded_server: RunningPostgres, embedded_template: str) -> Iterator[str]:
    """A migrated database without data on the embedded PostgreSQL, dropped after the test. It costs far less than an
    empty one and its migration."""
    yield from _database(embedded_server.url, embedded_template)


@pytest.fixture(scope="session")
def timescaledb_template(timescaledb_server: RunningPostgres) -> Iterator[str]:
    """The same on the run's TimescaleDB. It starts anew for that, without its workers in the template: a database that
    somebody is in cannot be copied."""
    for url in _database(timescaledb_server.url):
        migrate_now(url)
        close_database(timescaledb_server.url, url)
        timescaledb_server.start()
        yield url


@pytest.fixture
def migrated_timescaledb_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """A migrated database without data on TimescaleDB, dropped after the test."""
    if given := os.environ.get("LLMFLOW_TEST_DATABASE"):
        for url in _database(given):
            migrate_now(url)
            yield url
    else:
        template = request.getfixturevalue("timescaledb_template")
        yield from _database(request.getfixturevalue("timescaledb_server").url, template)


@pytest.fixture(params=["embedded", pytest.param("timescaledb", marks=pytest.mark.timescaledb)])
def migrated_database_url(request: pytest.FixtureRequest) -> str:
    """A migrated database without data; the test runs once on each kind."""
    return str(request.getfixturevalue(f"migrated_{request.param}_url"))


@pytest.fixture(params=["embedded", pytest.param("kafka", marks=pytest.mark.kafka)])
def bus_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A message log; the test runs once on each kind. Kafka's is shared: use topics and groups of your own."""
    return f"embedded://{tmp_path}/log" if request.param == "embedded" else str(request.getfixturevalue("kafka_url"))


@pytest.fixture(scope="session")
def chromium_url(session_dir: Path) -> Iterator[str]:
    """The run's headless Chromium, as CDP clients reach it."""
    profile = session_dir / "chromium"
    profile.mkdir()
    with running_chromium(available(find_chromium), profile) as url:
        yield url


@pytest.fixture
async def browser(chromium_url: str) -> AsyncIterator[Browser]:
    """The run's Chromium, in which every new page has a profile of its own."""
    # Costs a third of a second, which only browser tests should pay.
    from playwright.async_api import async_playwright, expect

    expect.set_options(timeout=_PATIENCE_MS)
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.connect_over_cdp(chromium_url, timeout=90_000)
        try:
            yield chromium
        finally:
            await chromium.close()


@pytest.fixture
def page_problems() -> list[str]:
    """What `page` has complained about so far. A test that provokes a complaint takes it out of this list."""
    return []


@pytest.fixture
async def page(browser: Browser, page_problems: list[str]) -> AsyncIterator[Page]:
    """A page of a fresh profile. Its errors and console warnings fail the test when it ends."""

    def hear(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            page_problems.append(f"{message.type}: {message.text} ({message.location.get('url', '')})")

    page = await browser.new_page()
    page.set_default_timeout(_PATIENCE_MS)
    page.on("console", hear)
    page.on("pageerror", lambda error: page_problems.append(f"uncaught: {error}"))
    yield page
    await page.close()
    assert not page_problems, "the page complained:\n" + "\n".join(page_problems)


def _ssl_context(verify: Any = True, cert: Any = None, trust_env: bool = True) -> ssl.SSLContext:
    own = trust_env and (os.environ.get("SSL_CERT_FILE") or os.environ.get("SSL_CERT_DIR"))
    if verify is True and cert is None and not own:
        return _usual_ssl_context()
    return _config.create_ssl_context(verify, cert, trust_env)


@cache
def _usual_ssl_context() -> ssl.SSLContext:
    return _config.create_ssl_context(trust_env=False)


def _database(server_url: str, template: str | None = None) -> Iterator[str]:
    url = create_database(server_url, template=template)
    yield url
    drop_database(server_url, url)

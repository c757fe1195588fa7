"""The launcher of the embedded PostgreSQL: who may use it, what survives, what it refuses and how it says so."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import psutil
import pytest

from llmflow_core.errors import ConfigError, Permanent
from llmflow_store.embedded_postgres import SMALL_MEMORY, EmbeddedPostgres
from llmflow_store.postgres_files import ROOT_DATA, SERVER_UID, copy_binaries, wheel_binaries
from llmflow_testkit.polling import eventually

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as several users")

START_AND_WAIT = """
import os, sys
from pathlib import Path
from llmflow_store.embedded_postgres import EmbeddedPostgres
from llmflow_store.postgres_files import SERVER_UID, wheel_binaries
if len(sys.argv) > 2:
    # Another user may not be able to read this Python's files: what is needed is loaded first.
    wheel_binaries(SERVER_UID)
    os.setgroups([])
    os.setgid(int(sys.argv[2]))
    os.setuid(int(sys.argv[2]))
server = EmbeddedPostgres(Path(sys.argv[1]))
print(server.start(), server.pid, flush=True)
sys.stdin.read()
server.stop()
"""


@contextmanager
def another_process(data_dir: Path, *uid: str) -> Iterator[tuple[subprocess.Popen[str], str, int]]:
    """A process that runs a server on `data_dir` until its input ends, with the server's URL and pid."""
    command = [sys.executable, "-c", START_AND_WAIT, str(data_dir), *uid]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd="/") as process:
        assert process.stdin is not None
        assert process.stdout is not None
        url, pid = process.stdout.readline().split()
        try:
            yield process, url, int(pid)
        finally:
            process.stdin.close()


async def query(url: str, sql: str) -> object:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


@pytest.fixture(scope="module")
def made_before(session_dir: Path) -> Path:
    """A data folder whose server has been stopped: making one takes a second, copying it does not."""
    data_dir = session_dir / "made-before"
    with EmbeddedPostgres(data_dir):
        pass
    return data_dir


@pytest.fixture
def data_dir(server_dir: Path, made_before: Path) -> Path:
    subprocess.run(["cp", "-a", made_before, server_dir / "postgres"], check=True)
    return server_dir / "postgres"


async def test_data_and_url_outlive_a_restart(data_dir: Path) -> None:
    server = EmbeddedPostgres(data_dir)
    url = server.start()
    await query(url, "CREATE TABLE kept AS SELECT 42 AS answer")
    first = server.pid
    server.stop()
    assert server.pid is None
    assert first is not None
    assert not psutil.pid_exists(first)
    with server:
        assert await query(url, "SELECT answer FROM kept") == 42


async def test_the_only_role_is_no_superuser_and_needs_its_password(data_dir: Path) -> None:
    server = EmbeddedPostgres(data_dir, port=0)
    url = server.start()
    try:
        assert await query(url, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user") is False
        port = urlsplit(url).port
        sockets = f"/llmflow?host={data_dir / 'pgdata'}&port={port}"
        for stranger in (
            f"postgresql://llmflow:guess@127.0.0.1:{port}/llmflow",
            f"postgresql://llmflow:guess@{sockets}",
            f"postgresql://postgres:guess@127.0.0.1:{port}/llmflow",
            f"postgresql://postgres:guess@{sockets}",
        ):
            with pytest.raises(asyncpg.InvalidAuthorizationSpecificationError):
                await asyncpg.connect(stranger)
    finally:
        server.stop()


async def test_it_is_durable_small_and_searches_every_script(data_dir: Path) -> None:
    server = EmbeddedPostgres(data_dir)
    url = server.start()
    try:
        for name in ("fsync", "synchronous_commit", "full_page_writes"):
            assert await query(url, f"SHOW {name}") == "on"
        assert await query(url, "SHOW shared_buffers") == SMALL_MEMORY["shared_buffers"]
        await query(url, "CREATE EXTENSION pg_trgm")
        assert await query(url, "SELECT similarity('ПРИВЕТ', 'привет')") == 1
    finally:
        server.stop()


async def test_an_orphan_is_stopped_and_its_data_kept(data_dir: Path) -> None:
    with another_process(data_dir) as (process, url, orphan):
        await query(url, "CREATE TABLE kept AS SELECT 42 AS answer")
        process.kill()
        process.wait()
    assert psutil.pid_exists(orphan)
    with EmbeddedPostgres(data_dir) as server:
        assert server.pid != orphan
        assert not psutil.pid_exists(orphan) or psutil.Process(orphan).status() == psutil.STATUS_ZOMBIE
        assert await query(url, "SELECT answer FROM kept") == 42


async def test_a_busy_backend_of_a_dead_server_does_not_block_the_next(data_dir: Path) -> None:
    server = EmbeddedPostgres(data_dir)
    url = server.start()
    busy = await asyncpg.connect(url)
    backend = psutil.Process(busy.get_server_pid())
    endless = "SELECT count(*) FROM generate_series(1, 1000000) a, generate_series(1, 1000000) b"
    task = asyncio.create_task(busy.execute(endless))
    active = f"SELECT state = 'active' FROM pg_stat_activity WHERE pid = {backend.pid}"
    await eventually(lambda: query(url, active), within=30)
    assert server.pid is not None
    os.kill(server.pid, signal.SIGKILL)
    server.stop()
    assert backend.is_running()
    with server:
        assert not backend.is_running() or backend.status() == psutil.STATUS_ZOMBIE
    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
        await task
    busy.terminate()


async def test_a_foreign_process_with_the_old_pid_is_left_alone(data_dir: Path) -> None:
    with EmbeddedPostgres(data_dir) as server:
        claim = (data_dir / "pgdata/postmaster.pid").read_text().splitlines()
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as stranger:
        (data_dir / "pgdata/postmaster.pid").write_text("\n".join([str(stranger.pid), *claim[1:], ""]))
        with server:
            assert stranger.poll() is None
        assert stranger.stdin is not None
        stranger.communicate(b"\n")
        assert stranger.returncode == 0


async def test_a_second_process_is_kept_out(data_dir: Path) -> None:
    with another_process(data_dir) as (_, url, pid):
        with pytest.raises(ConfigError, match=f"another running process uses the data folder {data_dir}"):
            EmbeddedPostgres(data_dir).start()
        assert psutil.pid_exists(pid)
        assert await query(url, "SELECT 1") == 1


def test_another_major_version_is_refused(data_dir: Path) -> None:
    server = EmbeddedPostgres(data_dir)
    with server:
        pass
    (data_dir / "pgdata/PG_VERSION").write_text("16\n")
    with pytest.raises(ConfigError, match="was made by PostgreSQL 16 and this is PostgreSQL 18"):
        server.start()


def test_a_taken_port_is_named(data_dir: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=f"port {port} of 127.0.0.1 is taken"):
            EmbeddedPostgres(data_dir, port=port).start()


def test_a_server_that_does_not_start_says_why(data_dir: Path) -> None:
    server = EmbeddedPostgres(data_dir, settings={"shared_buffers": "much"})
    with pytest.raises(Permanent, match='invalid value for parameter "shared_buffers"'):
        server.start()
    with EmbeddedPostgres(data_dir):
        pass


async def test_a_path_too_long_for_a_socket_gives_a_port(data_dir: Path) -> None:
    server = EmbeddedPostgres(data_dir / "a-rather-long-name-for-a-folder" / "and-another-one-below-that" / "postgres")
    url = server.start()
    try:
        assert urlsplit(url).hostname == "127.0.0.1"
        assert await query(url, "SELECT 1") == 1
    finally:
        server.stop()


def test_a_missing_wheel_is_named(server_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(ConfigError, match=r"llmflow-store\[embedded\].*LLMFLOW_DATABASE_URL"):
        EmbeddedPostgres(server_dir / "postgres").start()
    assert not (server_dir / "postgres").exists()


@as_root
async def test_root_runs_it_as_nobody_without_groups(data_dir: Path) -> None:
    with EmbeddedPostgres(data_dir) as server:
        assert server.pid is not None
        process = psutil.Process(server.pid)
        assert set(process.uids()) == set(process.gids()) == {SERVER_UID}
        assert "\nGroups:\t \n" in Path(f"/proc/{server.pid}/status").read_text()
    assert (data_dir / "password").stat().st_mode & 0o777 == 0o600


@as_root
async def test_root_may_name_a_folder_that_nobody_reaches(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    data_dir = tmp_path / "postgres"
    server = EmbeddedPostgres(data_dir)
    try:
        url = server.start()
        await query(url, "CREATE TABLE kept AS SELECT 42 AS answer")
        server.stop()
        assert data_dir.readlink().parent == ROOT_DATA
        assert tmp_path.stat().st_mode & 0o777 == 0o700
        with server:
            assert await query(url, "SELECT answer FROM kept") == 42
    finally:
        server.stop()
        shutil.rmtree(data_dir.resolve())


@as_root
async def test_data_that_can_no_longer_be_reached_is_not_replaced(server_dir: Path) -> None:
    data_dir = server_dir / "outer" / "postgres"
    server = EmbeddedPostgres(data_dir)
    with server:
        pass
    data_dir.parent.chmod(0o700)
    with pytest.raises(ConfigError, match=f"uid {SERVER_UID}.* cannot reach {data_dir}"):
        server.start()


@as_root
def test_copied_binaries_run_as_nobody(server_dir: Path) -> None:
    package = wheel_binaries(SERVER_UID).folder.parents[1]
    copy = copy_binaries(package, server_dir / "binaries")
    shown = subprocess.run(
        [copy / "pginstall/bin/postgres", "--version"], user=SERVER_UID, group=SERVER_UID, capture_output=True, cwd="/"
    )
    assert shown.stdout.startswith(b"postgres (PostgreSQL) 18.")


@as_root
async def test_an_ordinary_user_runs_it_as_that_user(server_dir: Path) -> None:
    home = server_dir / "home"
    home.mkdir()
    os.chown(home, SERVER_UID, SERVER_UID)
    with another_process(home / "data", str(SERVER_UID)) as (_, url, pid):
        assert psutil.Process(pid).uids().real == SERVER_UID
        assert await query(url, "SELECT 1") == 1
    assert (home / "data").stat().st_mode & 0o777 == 0o700


@as_root
def test_a_user_without_a_name_is_refused(server_dir: Path) -> None:
    server_dir.chmod(0o777)
    command = [sys.executable, "-c", START_AND_WAIT, str(server_dir / "postgres"), "54321"]
    done = subprocess.run(command, capture_output=True, text=True, cwd="/")
    assert "ConfigError" in done.stderr
    assert "uid 54321, which has no entry in /etc/passwd" in done.stderr

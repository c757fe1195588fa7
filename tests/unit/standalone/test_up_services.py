"""What `llmflow up` gives its services beyond their own defaults."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import asyncpg
import pytest

from llmflow.instance import read_where
from llmflow.supervisor import NotReadyError, Service, Supervisor
from llmflow.up import Options, _migrate, services, up
from llmflow_core.config import load_settings
from llmflow_core.errors import ConfigError, LLMFlowError
from llmflow_testkit.ports import free_port
from llmflow_writer.settings import WriterSettings


@pytest.mark.parametrize(("given", "size"), [(None, 10_000_000_000), ("", 10_000_000_000), ("5GB", 5_000_000_000)])
def test_the_database_is_bounded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, given: str | None, size: int) -> None:
    monkeypatch.delenv("LLMFLOW_MAX_DATABASE_SIZE", raising=False)
    if given is not None:
        monkeypatch.setenv("LLMFLOW_MAX_DATABASE_SIZE", given)
    options = Options(
        data_dir=tmp_path, host="127.0.0.1", port=1, proxy_port=2, ingest_port=3, ingest_grpc_port=4, zipkin_port=5
    )
    (writer,) = (service for service in services(options, "postgresql://") if service.name == "writer")
    for name, value in writer.environment.items():
        monkeypatch.setenv(name, value)
    assert load_settings(WriterSettings).max_database_size == size


async def test_a_service_that_cannot_start_is_not_waited_for() -> None:
    supervisor = Supervisor([Service("proxy", "llmflow.no_such_module", {}, "http://127.0.0.1:9/readyz")])
    try:
        with pytest.raises(NotReadyError, match="does not start"):
            await supervisor.start()
    finally:
        await supervisor.stop()


async def test_a_service_that_nobody_waits_for_is_watched() -> None:
    supervisor = Supervisor([Service("writer", "llmflow.no_such_module", {})])
    await supervisor.start()
    try:
        with pytest.raises(NotReadyError, match="writer does not start"):
            await supervisor.watch()
    finally:
        await supervisor.stop()


def options(data_dir: Path, *, host: str = "127.0.0.1", port: int = 0) -> Options:
    """What gives `port` twice, and is never started."""
    return Options(
        data_dir=data_dir,
        host=host,
        port=port,
        proxy_port=port,
        ingest_port=0,
        ingest_grpc_port=0,
        zipkin_port=0,
    )


def test_a_port_that_is_given_twice_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="port 3999 is given twice"):
        up(options(tmp_path, port=3999))


@pytest.mark.parametrize("host", ["192.0.2.1", "no host", ""])
def test_a_host_that_is_not_this_machine_is_named(tmp_path: Path, host: str) -> None:
    with pytest.raises(ConfigError, match=f"'{host}' is no address of this machine"):
        up(options(tmp_path, host=host, port=3999))


def test_a_port_that_only_others_may_use_is_not_called_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Privileged(socket.socket):
        def bind(self, address: tuple[str, int]) -> None:  # type: ignore[override]
            if address[1] == 80:
                raise PermissionError

    monkeypatch.setattr(socket, "socket", Privileged)
    with pytest.raises(ConfigError, match="port 80 needs rights that this user lacks: choose another with --port"):
        up(options(tmp_path, port=80))


def test_all_wrong_settings_are_told_once_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each service told its own, three times."""
    monkeypatch.setenv("LLMFLOW_KEYS_REFRESH_SECONDS", "often")  # the proxy's and ingest's
    monkeypatch.setenv("LLMFLOW_EXPORT_TIMEOUT", "long")
    monkeypatch.setenv("LLMFLOW_CHUNK_HOURS", "0")
    monkeypatch.setenv("PORT", "not what is asked for")
    ports = {f"{name}port": free_port() for name in ("", "proxy_", "ingest_", "ingest_grpc_", "zipkin_")}
    with pytest.raises(ConfigError) as refused:
        up(Options(data_dir=tmp_path, host="127.0.0.1", **ports))
    told = [problem.partition(":")[0] for problem in refused.value.problems]
    assert sorted(told) == ["LLMFLOW_CHUNK_HOURS", "LLMFLOW_EXPORT_TIMEOUT", "LLMFLOW_KEYS_REFRESH_SECONDS"]
    assert not (tmp_path / "postgres").exists()


async def test_a_service_whose_settings_are_wrong_says_so_once(capfd: pytest.CaptureFixture[str]) -> None:
    supervisor = Supervisor([Service("writer", "llmflow_writer", {"RETENTION_DAYS": "few"})])
    await supervisor.start()
    try:
        with pytest.raises(NotReadyError, match="writer does not start; the lines above say why"):
            await supervisor.watch()
    finally:
        await supervisor.stop()
    assert capfd.readouterr().err.count("RETENTION_DAYS: ") == 1


def test_a_folder_that_cannot_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(LLMFlowError, match=f"cannot work in {folder} "):
            up(options(folder, port=3999))
        assert read_where(folder) is None


async def test_ctrl_c_does_not_wait_for_a_migration(capfd: pytest.CaptureFixture[str]) -> None:
    """Of a database that never answers."""
    stop = asyncio.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"postgresql://llmflow@127.0.0.1:{server.getsockname()[1]}/llmflow"
        migrating = asyncio.create_task(_migrate(url, stop))
        connected, _ = await asyncio.to_thread(server.accept)
        with connected:
            stop.set()
            await migrating
    assert capfd.readouterr().err == ""


async def test_data_that_a_newer_llmflow_has_used_are_refused(
    migrated_embedded_url: str, capfd: pytest.CaptureFixture[str]
) -> None:
    connection = await asyncpg.connect(migrated_embedded_url)
    await connection.execute("INSERT INTO schema_migrations VALUES (9999, 'later', '')")
    await connection.close()
    with pytest.raises(LLMFlowError, match="the lines above say why"):
        await _migrate(migrated_embedded_url, asyncio.Event())
    assert "version 9999, newer than this LLMFlow" in capfd.readouterr().err

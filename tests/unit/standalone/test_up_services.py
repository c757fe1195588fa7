"""What `llmflow up` gives its services beyond their own defaults."""

from __future__ import annotations

from pathlib import Path

import pytest

from llmflow.supervisor import NotReadyError, Service, Supervisor
from llmflow.up import Options, services, up
from llmflow_core.config import load_settings
from llmflow_core.errors import ConfigError
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


def test_a_port_that_is_given_twice_is_named(tmp_path: Path) -> None:
    options = Options(
        data_dir=tmp_path,
        host="127.0.0.1",
        port=3999,
        proxy_port=3999,
        ingest_port=0,
        ingest_grpc_port=0,
        zipkin_port=0,
    )
    with pytest.raises(ConfigError, match="port 3999 is given twice"):
        up(options)

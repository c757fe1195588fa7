"""What `llmflow up` gives its services beyond their own defaults."""

from __future__ import annotations

from pathlib import Path

import pytest

from llmflow.up import Options, services
from llmflow_core.config import load_settings
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

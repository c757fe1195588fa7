from __future__ import annotations

from collections.abc import Iterator

import pytest

from llmflow_query_api.settings import QueryApiSettings
from llmflow_testkit.commands import Run, run_llmflow
from llmflow_testkit.providers import BackgroundServer
from llmflow_testkit.query_api_app import query_api_app


@pytest.fixture
def run(migrated_embedded_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Runs `llmflow` as the logged-in user of a real query API on an empty database."""
    settings = QueryApiSettings(host="127.0.0.1", auth_password="right", database_url=migrated_embedded_url)
    with query_api_app(settings) as app, BackgroundServer(app) as server:
        monkeypatch.setenv("LLMFLOW_API_URL", server.url)
        monkeypatch.setenv("AUTH_PASSWORD", "right")
        for name in ("LLMFLOW_API_KEY", "AUTH_USERNAME", "LLMFLOW_PROJECT"):
            monkeypatch.delenv(name, raising=False)
        yield run_llmflow

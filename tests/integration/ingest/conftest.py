"""A receiver with an embedded log behind it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from llmflow_testkit.running_ingest import RunningIngest, start_ingest


@pytest.fixture
def embedded_url(tmp_path: Path) -> str:
    """An embedded log that does not exist yet."""
    return f"embedded://{tmp_path}/log"


@pytest.fixture
async def ingest(embedded_url: str) -> AsyncIterator[RunningIngest]:
    """A receiver with the default settings."""
    async with start_ingest(embedded_url) as running:
        yield running

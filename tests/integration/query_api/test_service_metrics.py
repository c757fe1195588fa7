"""What the services tell Prometheus of themselves is as promtool wants it."""

from __future__ import annotations

from importlib import import_module

import pytest
from prometheus_client import generate_latest

from llmflow_testkit.prometheus import lint_metrics

#: Importing these registers all of the service's metrics.
APPLICATIONS = {
    "llmflow_proxy": "llmflow_proxy.app",
    "llmflow_ingest": "llmflow_ingest.app",
    "llmflow_writer": "llmflow_writer.app",
    "llmflow_exporter": "llmflow_exporter.metrics",
}


@pytest.mark.parametrize("service", APPLICATIONS)
async def test_promtool_has_nothing_to_blame(service: str) -> None:
    import_module(APPLICATIONS[service])
    page = generate_latest().decode()
    assert f"# TYPE {service}_" in page
    assert await lint_metrics(page) == ""


async def test_promtool_blames_what_is_wrong() -> None:
    assert 'counter metrics should have "_total" suffix' in await lint_metrics("# HELP a A.\n# TYPE a counter\na 1\n")

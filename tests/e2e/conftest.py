"""A whole LLMFlow with demo traffic, and a browser that is logged in to its page."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

import llmflow
from llmflow_testkit.clusters import RunningPostgres, create_database
from llmflow_testkit.pages import WIDE
from llmflow_testkit.polling import eventually
from llmflow_testkit.stack import PASSWORD, USERNAME, Stack

TRACES = 60


@pytest.fixture(scope="session")
def demo(session_dir: Path, embedded_server: RunningPostgres) -> Iterator[Stack]:
    """A whole LLMFlow on embedded parts with the traffic of `llmflow demo`, shared by all tests of the page.

    What a test adds goes to a project of its own.
    """
    folder = session_dir / "pages"
    folder.mkdir()
    environment = {
        "LLMFLOW_FRONTEND_DIR": str(Path(llmflow.__file__).parent / "page"),
        "LLMFLOW_WEBHOOK_ALLOW": "127.0.0.1",
        "LLMFLOW_ALERTS_SECONDS": "1",
        "LLMFLOW_ALERTS_DELAY_SECONDS": "0",
        "LLMFLOW_ALERTS_POLL_SECONDS": "0.5",
    }
    with Stack(
        folder,
        bus_url=f"embedded://{folder}/log",
        database_url=create_database(embedded_server.url),
        services=("ingest", "writer", "query-api"),
        environment=environment,
    ) as stack:
        subprocess.run(
            [sys.executable, "-m", "llmflow", "demo", "--traces", str(TRACES), "--ingest-url", stack.url("ingest")],
            check=True,
            capture_output=True,
        )
        asyncio.run(_written(stack))
        yield stack


async def _written(stack: Stack) -> None:
    async with stack.api() as api:

        async def all_there() -> bool:
            answer = await api.get("/api/v1/traces", params={"project": "demo", "limit": 100})
            return len(answer.raise_for_status().json()["traces"]) == TRACES

        await eventually(all_there, within=30)


@pytest.fixture
async def visitor(demo: Stack, page: Page) -> Page:
    """A page that is logged in and at the traces of the demo."""
    await page.set_viewport_size(WIDE)
    await page.goto(f"{demo.url('query-api')}/traces?project=demo")
    await page.get_by_label("User name").fill(USERNAME)
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Log in").click()
    await expect(page.get_by_role("table", name="Traces").get_by_role("link").first).to_be_visible()
    return page

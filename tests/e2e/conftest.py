"""A whole LLMFlow with demo traffic, and a browser that is logged in to its page."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.async_api import Page

import llmflow
from llmflow_testkit.clusters import RunningPostgres, create_database
from llmflow_testkit.demo import demo_stack
from llmflow_testkit.pages import WIDE
from llmflow_testkit.stack import PASSWORD, USERNAME, Stack

TRACES = 60


@pytest.fixture(scope="session")
def demo(session_dir: Path, embedded_server: RunningPostgres) -> Iterator[Stack]:
    """A whole LLMFlow on embedded parts with the traffic of `llmflow demo`, shared by all tests of the page.

    What a test adds goes to a project of its own. The page is the built one, or that in LLMFLOW_FRONTEND_DIR.
    """
    folder = session_dir / "pages"
    folder.mkdir()
    with demo_stack(
        folder,
        database_url=create_database(embedded_server.url),
        page_dir=Path(os.environ.get("LLMFLOW_FRONTEND_DIR") or Path(llmflow.__file__).parent / "page"),
        traces=TRACES,
        environment={
            "LLMFLOW_WEBHOOK_ALLOW": "127.0.0.1",
            "LLMFLOW_ALERTS_SECONDS": "1",
            "LLMFLOW_ALERTS_DELAY_SECONDS": "0",
            "LLMFLOW_ALERTS_POLL_SECONDS": "0.5",
        },
    ) as stack:
        yield stack


@pytest.fixture
async def visitor(demo: Stack, page: Page) -> Page:
    """A page that is logged in and on its way to the traces of the demo."""
    await page.set_viewport_size(WIDE)
    credentials = {"username": USERNAME, "password": PASSWORD}
    answer = await page.request.post(f"{demo.url('query-api')}/api/v1/login", data=credentials)
    assert answer.ok
    # Many tests go elsewhere at once.
    await page.goto(f"{demo.url('query-api')}/traces?project=demo", wait_until="commit")
    return page

"""Lists that go on by themselves in a browser: new rows, those that wait, an API that goes away, and downloads."""

from __future__ import annotations

import csv
import json
import re
import time
import uuid
from pathlib import Path

import httpx
import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Status
from playwright.async_api import Locator, Page, expect

from llmflow_testkit.otlp_requests import otlp_request
from llmflow_testkit.pages import violations
from llmflow_testkit.stack import Stack

pytestmark = pytest.mark.browser


def send(stack: Stack, project: str, *names: str, failed: bool = False) -> None:
    """One trace of one span a name, just now."""
    for name in names:
        request = otlp_request([1], name=name)
        (span,) = request.resource_spans[0].scope_spans[0].spans
        span.trace_id = uuid.uuid4().bytes
        span.end_time_unix_nano = time.time_ns()
        span.start_time_unix_nano = span.end_time_unix_nano - 1_000_000
        if failed:
            span.status.code = Status.STATUS_CODE_ERROR
        httpx.post(
            f"{stack.url('ingest')}/v1/traces",
            content=request.SerializeToString(),
            headers={"content-type": "application/x-protobuf", "x-llmflow-project": project},
            trust_env=False,
            timeout=30,
        ).raise_for_status()


async def open_list(page: Page, stack: Stack, path: str) -> Locator:
    await page.goto(stack.url("query-api") + path)
    return page.get_by_role("table", name="Traces")


async def expect_names(table: Locator, *names: str) -> None:
    await expect(table.get_by_role("link")).to_have_text([*names])


async def test_new_traces_show_by_themselves_but_not_under_a_reader(demo: Stack, visitor: Page) -> None:
    table = await open_list(visitor, demo, "/traces?project=live")
    await expect(visitor.get_by_role("heading", name="No traces in live yet")).to_be_visible()
    send(demo, "live", "one")
    await expect_names(table, "one")
    send(demo, "live", "two")
    await expect_names(table, "two", "one")

    waiting = visitor.get_by_role("button", name=re.compile("^[0-9]+ new traces$"))
    await table.get_by_role("link", name="two").hover()
    send(demo, "live", "three")
    await expect(waiting).to_have_text("1 new")
    await expect_names(table, "two", "one")
    assert await violations(visitor) == []
    await visitor.get_by_role("heading", name="Traces").hover()
    await expect_names(table, "three", "two", "one")
    await expect(waiting).to_have_count(0)

    live = visitor.get_by_role("button", name="Live", exact=True)
    await visitor.keyboard.press("p")
    await expect(live).to_have_text("Paused")
    send(demo, "live", "four", "five")
    await expect(waiting).to_have_text("2 new")
    await waiting.click()
    await expect_names(table, "five", "four", "three", "two", "one")
    await expect(live).to_have_text("Live")


async def test_a_filtered_list_shows_what_the_filter_lets_through(demo: Stack, visitor: Page) -> None:
    send(demo, "filtered", "broken before", failed=True)
    table = await open_list(visitor, demo, "/traces?project=filtered&filter=status:error")
    await expect_names(table, "broken before")
    send(demo, "filtered", "fine")
    send(demo, "filtered", "broken", failed=True)
    await expect_names(table, "broken", "broken before")

    await visitor.goto(f"{demo.url('query-api')}/spans?project=filtered")
    spans = visitor.get_by_role("table", name="Spans")
    await expect_names(spans, "broken", "fine", "broken before")
    send(demo, "filtered", "new span")
    await expect_names(spans, "new span", "broken", "fine", "broken before")


async def test_the_api_goes_away_and_comes_back(demo: Stack, visitor: Page, page_problems: list[str]) -> None:
    send(demo, "outage", "before")
    table = await open_list(visitor, demo, "/traces?project=outage")
    await expect_names(table, "before")
    demo.stop("query-api")
    await expect(visitor.get_by_text("API does not answer")).to_be_visible()
    await expect(visitor.get_by_role("button", name="Live", exact=True)).to_have_text("Reconnecting…")
    await expect_names(table, "before")
    send(demo, "outage", "meanwhile")
    demo.start("query-api")
    await expect_names(table, "meanwhile", "before")
    await expect(visitor.get_by_text("API does not answer")).to_have_count(0)
    send(demo, "outage", "after")
    await expect_names(table, "after", "meanwhile", "before")
    # Chromium itself reports every request that fails.
    assert page_problems
    assert all("Failed to load resource" in problem or "ERR_" in problem for problem in page_problems)
    page_problems.clear()


async def test_what_a_list_shows_is_downloaded_whole(demo: Stack, visitor: Page, tmp_path: Path) -> None:
    send(demo, "files", *(f"trace {number}" for number in range(3)))
    send(demo, "files", "broken", failed=True)
    table = await open_list(visitor, demo, "/traces?project=files")
    await expect(table.get_by_role("link")).to_have_count(4)
    await visitor.get_by_role("button", name="Download").click()
    dialog = visitor.get_by_role("dialog", name="Download traces")
    await expect(dialog).to_contain_text("All traces of files that started at any time until")
    assert await violations(visitor) == []
    async with visitor.expect_download() as download:
        await dialog.get_by_role("link", name="CSV").click()
    file = await download.value
    assert file.suggested_filename == "llmflow-traces-files.csv"
    await file.save_as(tmp_path / "traces.csv")
    rows = list(csv.DictReader((tmp_path / "traces.csv").read_text().splitlines()))
    assert [row["name"] for row in rows] == ["broken", "trace 2", "trace 1", "trace 0"]

    await visitor.goto(f"{demo.url('query-api')}/spans?project=files&filter=status:error")
    await visitor.get_by_role("button", name="Download").click()
    dialog = visitor.get_by_role("dialog", name="Download spans")
    await expect(dialog).to_contain_text("and fulfil status:error")
    await dialog.get_by_text("With prompts and answers").click()
    async with visitor.expect_download() as download:
        await dialog.get_by_role("link", name="JSON Lines").click()
    await (await download.value).save_as(tmp_path / "spans.jsonl")
    (span,) = map(json.loads, (tmp_path / "spans.jsonl").read_text().splitlines())
    assert (span["name"], span["status"]) == ("broken", "error")
    assert "hello" in json.dumps(span["content"])

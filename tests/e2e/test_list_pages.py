"""The tables of traces and spans in other orders than newest first, and in little room."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Locator, Page, expect

from llmflow_testkit.pages import violations
from llmflow_testkit.polling import eventually
from llmflow_testkit.stack import Stack

pytestmark = pytest.mark.browser


async def _first(demo: Stack, path: str, **parameters: str) -> str:
    """The trace of the list's first row, as the API has it."""
    async with demo.api() as api:
        answer = await api.get(f"/api/v1/{path}", params={"project": "demo", "limit": 1, **parameters})
        return str(answer.raise_for_status().json()[path][0]["trace_id"])


async def _fits(page: Page, name: str) -> None:
    """The table needs no scrolling sideways beside the facets of a small screen."""
    await page.set_viewport_size({"width": 1280, "height": 800})
    await expect(page.get_by_role("complementary", name="Facets")).to_be_visible()
    table = page.locator(f"[data-scroll-restoration-id={name}]")
    await eventually(lambda: table.evaluate("(e) => e.scrollWidth === e.clientWidth"), within=30)


def _header(table: Locator, name: str) -> Locator:
    return table.get_by_role("columnheader", name=name)


async def test_lists_are_put_in_order_by_their_columns(demo: Stack, visitor: Page) -> None:
    table = visitor.get_by_role("table", name="Traces")
    first = table.get_by_role("link").first
    await expect(_header(table, "Time")).to_have_attribute("aria-sort", "descending")
    await _fits(visitor, "Traces")

    await table.get_by_role("button", name="Cost").click()
    await expect(visitor).to_have_url(re.compile("order=cost"))
    await expect(first).to_have_attribute("href", re.compile(await _first(demo, "traces", order="cost")))
    await expect(_header(table, "Cost")).to_have_attribute("aria-sort", "descending")
    await expect(visitor.get_by_role("button", name="Live by time only")).to_be_disabled()
    assert await violations(visitor) == []

    await table.get_by_role("button", name="Cost").click()
    await expect(_header(table, "Cost")).to_have_attribute("aria-sort", "ascending")
    cheapest = re.compile(await _first(demo, "traces", order="cost", direction="asc"))
    await expect(first).to_have_attribute("href", cheapest)
    await visitor.reload()
    await expect(first).to_have_attribute("href", cheapest)
    await table.get_by_role("button", name="Time").click()
    await expect(visitor).not_to_have_url(re.compile("order|direction"))
    await expect(visitor.get_by_role("button", name="Live", exact=True)).to_be_enabled()

    await visitor.goto(f"{demo.url('query-api')}/spans?project=demo")
    table = visitor.get_by_role("table", name="Spans")
    await table.get_by_role("button", name="Duration").press("Enter")
    slowest = re.compile(await _first(demo, "spans", order="duration"))
    await expect(table.get_by_role("link").first).to_have_attribute("href", slowest)
    await _fits(visitor, "Spans")

    await visitor.set_viewport_size({"width": 390, "height": 800})
    await visitor.get_by_role("button", name=re.compile("Order")).click()
    await visitor.get_by_role("option", name="Tokens").click()
    largest = re.compile(await _first(demo, "spans", order="tokens"))
    await expect(table.get_by_role("link").first).to_have_attribute("href", largest)

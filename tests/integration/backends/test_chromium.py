"""The browser fixtures: a page works, and one that complains fails its test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.async_api import Page

pytestmark = pytest.mark.browser


async def test_a_page_shows_what_it_is_given(page: Page) -> None:
    await page.set_content("<h1>Traces</h1>")
    assert await page.get_by_role("heading").inner_text() == "Traces"


async def test_a_pages_complaints_are_collected(page: Page, page_problems: list[str]) -> None:
    await page.evaluate("console.warn('careful')")
    await page.evaluate("console.log('nothing to see')")
    async with page.expect_event("pageerror"):
        await page.evaluate("setTimeout(() => { throw new Error('broken') })")
    assert [problem.split(" (")[0] for problem in page_problems] == ["warning: careful", "uncaught: broken"]
    page_problems.clear()

"""What every page must hold in a browser: axe finds nothing in both themes, nothing is wider than a phone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from playwright.async_api import Page, ViewportSize, expect

AXE = Path(__file__).parents[4] / "frontend/node_modules/axe-core/axe.min.js"
WIDE: ViewportSize = {"width": 1300, "height": 850}
PHONE: ViewportSize = {"width": 390, "height": 850}


async def violations(page: Page) -> list[Any]:
    """What axe has against the page as it stands."""
    if not await page.evaluate("'axe' in window"):
        await page.evaluate(AXE.read_text())
    found: list[Any] = await page.evaluate(
        "async () => (await axe.run()).violations.map((v) => [v.id, v.nodes.map((node) => node.target.join(' '))])"
    )
    return found


async def assert_accessible(page: Page) -> None:
    """The page, once loaded, is accessible in both themes and fits a phone; after it the window is a phone's."""
    await expect(page.get_by_text("Loading")).to_have_count(0)
    for theme in ("light", "dark"):
        await page.evaluate(f"document.documentElement.dataset.theme = '{theme}'")
        assert await violations(page) == []
    await page.set_viewport_size(PHONE)
    assert await page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]

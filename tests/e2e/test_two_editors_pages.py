"""What the page does where somebody else edits the same thing at the same time: here a script, as another tab would."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest
from playwright.async_api import Page, Route, expect

from llmflow_testkit.pages import WIDE, assert_accessible
from llmflow_testkit.polling import eventually
from llmflow_testkit.stack import Stack

pytestmark = pytest.mark.browser

PROJECT = "two-editors"
RULE: dict[str, Any] = {"name": "Errors", "condition": {"metric": "error_rate", "threshold": 0.05}}
TEMPO: dict[str, Any] = {"name": "tempo-of-two", "endpoint": "http://127.0.0.1:9", "paused": True}


async def refused(page_problems: list[str], status: int) -> None:
    """Take out what Chromium itself reports of an answer that is no success, perhaps after the page has shown it."""

    async def told() -> bool:
        return bool(page_problems)

    await eventually(told, within=30)
    assert str(status) in page_problems.pop()


async def test_nobody_overwrites_unawares_and_nothing_written_is_lost(
    demo: Stack, visitor: Page, page_problems: list[str]
) -> None:
    page, base = visitor, demo.url("query-api")
    async with demo.api() as api:
        await api.post("/api/v1/projects", json={"name": PROJECT, "title": ""})
        made = (await api.post("/api/v1/alerts", params={"project": PROJECT}, json=RULE)).json()
        url = f"/api/v1/alerts/{made['id']}"

        async def names() -> list[str]:
            rules = (await api.get("/api/v1/alerts", params={"project": PROJECT})).json()["rules"]
            return [rule["name"] for rule in rules]

        # Else the page could see the change before it is told of it.
        may_list = asyncio.Event()
        may_list.set()

        async def listed(route: Route) -> None:
            await may_list.wait()
            await route.continue_()

        await page.route(re.compile(r"/api/v1/alerts\?"), listed)
        await page.goto(f"{base}/alerts?project={PROJECT}")
        edit = page.get_by_role("button", name="Edit Errors")
        await expect(edit).to_be_visible()
        may_list.clear()
        await edit.click()
        form = page.get_by_role("form", name="Change Errors")
        await form.get_by_label("Name").fill("Mine")
        assert (await api.put(url, json={**RULE, "name": "Theirs"})).status_code == 200
        await form.get_by_role("button", name="Save rule").click()
        await refused(page_problems, 412)
        may_list.set()
        await expect(form.get_by_role("button", name="Show theirs")).to_be_visible()
        await expect(form.get_by_role("alert")).to_contain_text("Changed by someone else meanwhile")
        await assert_accessible(page)
        await page.set_viewport_size(WIDE)
        await expect(form.get_by_label("Name")).to_have_value("Mine")
        assert await names() == ["Theirs"]
        await form.get_by_role("button", name="Save mine anyway").click()
        await expect(form).to_have_count(0)
        assert await names() == ["Mine"]

        may_list.clear()
        await page.get_by_role("button", name="Edit Mine").click()
        form = page.get_by_role("form", name="Change Mine")
        await form.get_by_label("Name").fill("Mine again")
        assert (await api.delete(url)).status_code == 204
        await form.get_by_role("button", name="Save rule").click()
        await refused(page_problems, 404)
        may_list.set()
        await expect(form.get_by_role("alert")).to_contain_text("Deleted meanwhile")

        await page.get_by_role("button", name="Log out").click()
        await page.get_by_role("alertdialog").get_by_role("button", name="Stay").click()
        await expect(form.get_by_label("Name")).to_have_value("Mine again")
        await form.get_by_role("button", name="Save as a new one").click()
        await expect(page.get_by_role("row", name="Mine again")).to_be_visible()
        assert await names() == ["Mine again"]

        # The list of destinations is asked for all the time: the form says at once what has become of it.
        assert (await api.post("/api/v1/destinations", json=TEMPO)).status_code == 201
        await page.goto(f"{base}/destinations?project={PROJECT}&change={TEMPO['name']}")
        form = page.get_by_role("form", name=f"Destination {TEMPO['name']}")
        await form.get_by_label("Endpoint").fill("http://127.0.0.1:10")
        await api.put(f"/api/v1/destinations/{TEMPO['name']}", json={**TEMPO, "sampling": 0.5})
        await form.get_by_role("button", name="Show theirs").click()
        await expect(form.get_by_label("Endpoint")).to_have_value("http://127.0.0.1:9")
        await form.get_by_label("Endpoint").fill("http://127.0.0.1:10")
        await api.delete(f"/api/v1/destinations/{TEMPO['name']}")
        await expect(form.get_by_role("alert")).to_contain_text("Deleted meanwhile")
        await expect(form.get_by_label("Endpoint")).to_have_value("http://127.0.0.1:10")
        await page.get_by_role("button", name="Log out").click()
        await page.get_by_role("alertdialog").get_by_role("button", name="Leave").click()
        await expect(page.get_by_role("heading", name="Log in to LLMFlow")).to_be_visible()

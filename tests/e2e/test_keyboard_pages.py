"""Tasks of the page done by keyboard alone: the focus is always on something, and comes back to where it was."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Locator, Page, expect

from llmflow_testkit.stack import Stack

pytestmark = pytest.mark.browser

PROJECT, RULES = "keyboard", "keyboard-rules"
#: More than any of these pages has to tab through.
_MOST = 80


async def make(demo: Stack, project: str) -> None:
    async with demo.api() as api:
        (await api.post("/api/v1/projects", json={"name": project, "title": ""})).raise_for_status()


async def tab_to(page: Page, target: Locator) -> None:
    """Press Tab until the target has the focus."""
    await expect(target).to_be_visible()
    for _ in range(_MOST):
        if await target.evaluate("element => element === document.activeElement"):
            return
        await page.keyboard.press("Tab")
    raise AssertionError(f"Tab does not lead to {target}")


async def press(page: Page, target: Locator, then: Locator) -> None:
    """Tab to a button and press it; then something else, or the same, has the focus."""
    await tab_to(page, target)
    await page.keyboard.press("Enter")
    await expect(then).to_be_focused()


async def confirm(page: Page, button: Locator, then: Locator) -> None:
    """Tab to a button that asks for a second press and press it twice."""
    await tab_to(page, button)
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("button", name=re.compile("^Really "))).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(then).to_be_focused()


async def write(page: Page, field: Locator, text: str) -> None:
    await tab_to(page, field)
    await page.keyboard.type(text)


async def test_rules_are_made_silenced_changed_and_deleted(demo: Stack, visitor: Page) -> None:
    page = visitor
    await make(demo, RULES)
    await page.goto(f"{demo.url('query-api')}/alerts?project={RULES}")
    new, name = page.get_by_role("button", name="New rule"), page.get_by_label("Name", exact=True)
    await press(page, new, name)
    await page.keyboard.type("Errors")
    await press(page, page.get_by_role("button", name="Create rule"), new)

    silence = page.get_by_role("button", name="Silence Errors")
    await press(page, silence, page.get_by_role("menuitem", name="1 hour"))
    await page.keyboard.press("Escape")
    await expect(silence).to_be_focused()
    await press(page, silence, page.get_by_role("menuitem", name="1 hour"))
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("button", name="End the silence of Errors")).to_be_focused()

    edit = page.get_by_role("button", name="Edit Errors")
    await page.keyboard.press("Shift+Tab")
    await page.keyboard.press("Shift+Tab")
    await press(page, edit, name)
    await press(page, page.get_by_role("button", name="Cancel"), edit)
    await press(page, edit, name)
    await page.keyboard.type(" of mine")
    await press(page, page.get_by_role("button", name="Save rule"), edit)
    table = page.get_by_role("region", name=f"Rules of {RULES}")
    await confirm(page, page.get_by_role("button", name="Delete Errors of mine"), table)


async def test_keys_retention_and_the_project_itself(demo: Stack, visitor: Page) -> None:
    page, base = visitor, demo.url("query-api")
    await make(demo, PROJECT)
    await page.goto(f"{base}/settings?project={PROJECT}&tab=keys")
    await write(page, page.get_by_label("New key for"), "checkout")
    await press(page, page.get_by_role("button", name="Create key"), page.get_by_label("New key for"))
    await expect(page.get_by_role("status").get_by_text("Copy this key now")).to_be_visible()
    keys = page.get_by_role("region", name=f"API keys of {PROJECT}")
    await confirm(page, page.get_by_role("button", name="Revoke the key checkout"), keys)

    await page.goto(f"{base}/settings?project={PROJECT}&tab=project")
    logs = page.get_by_label("Logs")
    await write(page, logs, "7")
    save = page.get_by_role("button", name=re.compile("^Save days"))
    await confirm(page, save, save)
    await expect(logs).to_have_value("7")
    await write(page, page.get_by_label(f"Type {PROJECT} to confirm"), PROJECT)
    end = page.get_by_role("region", name="Settings, content")
    await confirm(page, page.get_by_role("button", name=f"Delete the project {PROJECT}"), end)
    await expect(page.get_by_role("tab", name="Projects")).to_have_attribute("aria-selected", "true")


async def test_destinations_are_added_changed_and_removed(demo: Stack, visitor: Page) -> None:
    page = visitor
    await page.goto(f"{demo.url('query-api')}/destinations")
    add, tool = page.get_by_role("button", name="Add destination"), page.get_by_role("button", name="Tool")
    await press(page, add, tool)
    await write(page, page.get_by_label("Name", exact=True), "by-keys")
    await write(page, page.get_by_label("Endpoint"), "http://127.0.0.1:9")
    await press(page, page.get_by_role("button", name="Add", exact=True), add)
    pause, change = page.get_by_role("button", name="Pause by-keys"), page.get_by_role("button", name="Change by-keys")
    await press(page, pause, page.get_by_role("button", name="Resume by-keys"))
    await press(page, change, tool)
    await press(page, page.get_by_role("button", name="Cancel"), change)
    replay = page.get_by_role("button", name="Replay stored spans to by-keys")
    await press(page, replay, page.get_by_role("dialog"))
    await page.keyboard.press("Escape")
    await expect(replay).to_be_focused()
    around = page.get_by_role("region", name="Destinations", exact=True)
    await confirm(page, page.get_by_role("button", name="Remove by-keys"), around)


async def test_views_commands_and_two_spans_side_by_side(demo: Stack, visitor: Page) -> None:
    page, base = visitor, demo.url("query-api")
    await page.goto(f"{base}/traces?project=demo&filter=status:error")
    views, name = page.get_by_role("button", name="Views", exact=True), page.get_by_label("Name of the view")
    await press(page, views, page.get_by_role("dialog"))
    await write(page, name, "By keys")
    await press(page, page.get_by_role("button", name="Save", exact=True), name)
    await confirm(page, page.get_by_role("button", name="Delete the view By keys"), name)
    await page.keyboard.press("Escape")
    await expect(views).to_be_focused()
    commands = page.get_by_role("textbox", name="Search commands")
    await page.keyboard.press("Control+k")
    await expect(commands).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(views).to_be_focused()

    await page.goto(f"{base}/traces?project=demo")
    main = page.get_by_role("main")
    await press(page, page.get_by_role("table", name="Traces").get_by_role("link").first, main)
    await expect(page.get_by_role("treegrid", name="Span tree")).to_be_visible()
    await page.keyboard.press("c")
    field = page.get_by_label("Compare with")
    await write(page, field, "no trace")
    await page.keyboard.press("Enter")
    await expect(field).to_be_focused()
    await expect(field).to_have_attribute("aria-invalid", "true")
    candidates = page.get_by_role("table").get_by_role("button")
    await press(page, candidates.first, page.get_by_role("region", name="Compare, content"))
    await page.keyboard.press("Control+k")
    await expect(commands).to_be_focused()
    await page.keyboard.type("prices")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="Prices", level=1)).to_be_visible()


async def test_what_is_looked_for_is_in_the_url(demo: Stack, visitor: Page) -> None:
    page = visitor
    await page.goto(f"{demo.url('query-api')}/models?project=demo&find=gpt")
    rows = page.get_by_role("table").get_by_role("row")
    await expect(rows.filter(has_text="gpt")).not_to_have_count(0)
    await expect(rows.filter(has_text="claude")).to_have_count(0)
    await write(page, page.get_by_label("Find"), "claude")
    await expect(page).to_have_url(re.compile("find=claude"))
    await page.reload()
    await expect(page.get_by_label("Find")).to_have_value("claude")
    await expect(rows.filter(has_text="gpt")).to_have_count(0)

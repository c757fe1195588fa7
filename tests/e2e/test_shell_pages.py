"""The frame of the page in a browser: login, navigation, commands, shortcuts, saved views and the first steps."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Page, expect

from llmflow_testkit.pages import PHONE, violations
from llmflow_testkit.stack import PASSWORD, USERNAME, Stack

from .test_live_page import send

pytestmark = pytest.mark.browser


async def log_in(page: Page, password: str) -> None:
    await page.get_by_label("User name").fill(USERNAME)
    await page.get_by_label("Password").fill(password)
    await page.get_by_role("button", name="Log in").click()


def expect_refusals(page_problems: list[str]) -> None:
    """Chromium itself reports every answer that is no success."""
    assert page_problems
    assert all("401 (Unauthorized)" in problem for problem in page_problems)
    page_problems.clear()


async def test_a_login_leads_to_where_one_was_going(demo: Stack, page: Page, page_problems: list[str]) -> None:
    await page.goto(f"{demo.url('query-api')}/spans?project=demo&filter=type:tool")
    await log_in(page, "a wrong password")
    await expect(page.get_by_role("alert")).to_have_text("Wrong user name or password.")
    assert await violations(page) == []
    await log_in(page, PASSWORD)
    await expect(page.get_by_role("heading", name="Spans")).to_be_visible()
    await expect(page).to_have_url(re.compile(r"/spans\?project=demo&filter=type%3Atool$"))
    expect_refusals(page_problems)

    await page.get_by_role("button", name=f"Log out {USERNAME}").click()
    await expect(page.get_by_label("Password")).to_be_visible()


async def test_an_expired_session_leads_to_the_login_and_back(
    demo: Stack, visitor: Page, page_problems: list[str]
) -> None:
    await visitor.goto(f"{demo.url('query-api')}/models?project=demo&range=7d")
    await expect(visitor.get_by_role("rowheader", name="gpt-4o", exact=True)).to_be_visible()
    await visitor.context.clear_cookies()
    await visitor.get_by_role("link", name="Users").click()
    await log_in(visitor, PASSWORD)
    await expect(visitor.get_by_role("heading", name="Users")).to_be_visible()
    await expect(visitor).to_have_url(re.compile(r"/users\?project=demo"))
    expect_refusals(page_problems)


async def test_every_page_is_one_click_away(demo: Stack, visitor: Page) -> None:
    await visitor.goto(f"{demo.url('query-api')}/?project=demo")
    await expect(visitor.get_by_role("heading", name="Overview")).to_be_visible()
    navigation = visitor.get_by_role("navigation", name="Main")
    names = await navigation.get_by_role("link").all_inner_texts()
    assert {"Overview", "Traces", "Spans", "Sessions", "Users", "Models", "Settings"} <= set(names)
    for name in names:
        await navigation.get_by_role("link", name=name, exact=True).click()
        await expect(visitor).to_have_title(re.compile("· LLMFlow$"))
        await expect(visitor.get_by_role("heading", level=1)).to_be_visible()
        await expect(visitor.get_by_text("Loading")).to_have_count(0)
        assert "project=demo" in visitor.url

    await visitor.set_viewport_size(PHONE)
    await visitor.get_by_role("button", name="Menu").click()
    menu = visitor.get_by_role("dialog", name="Menu")
    assert await violations(visitor) == []
    await menu.get_by_role("link", name="Sessions").click()
    await expect(menu).to_have_count(0)
    await expect(visitor.get_by_role("heading", name="Sessions")).to_be_visible()


async def test_commands_lead_everywhere(demo: Stack, visitor: Page) -> None:
    await visitor.goto(f"{demo.url('query-api')}/traces?project=demo")
    row = visitor.get_by_role("table", name="Traces").get_by_role("link").first
    await expect(row).to_be_visible()
    trace_id = str(await row.get_attribute("href")).partition("?")[0].rpartition("/")[2]

    async def command(text: str) -> None:
        await visitor.keyboard.press("Control+k")
        field = visitor.get_by_role("dialog", name="Commands").get_by_role("textbox", name="Search commands")
        await expect(field).to_be_focused()
        await visitor.keyboard.type(text)

    await command("theme")
    assert await violations(visitor) == []
    await visitor.get_by_role("menuitem", name="Theme: dark").click()
    await expect(visitor.locator("html")).to_have_attribute("data-theme", "dark")
    await command("sessions")
    await visitor.keyboard.press("Enter")
    await expect(visitor.get_by_role("heading", name="Sessions")).to_be_visible()
    await command(trace_id)
    await visitor.get_by_role("menuitem", name=re.compile("^Open the trace")).click()
    await expect(visitor.get_by_role("treegrid", name="Span tree")).to_be_visible()
    await command("default")
    await visitor.get_by_role("menuitem", name="default", exact=True).click()
    await expect(visitor).to_have_url(f"{demo.url('query-api')}/traces")


async def test_keys_lead_to_pages_and_are_explained(demo: Stack, visitor: Page) -> None:
    await visitor.goto(f"{demo.url('query-api')}/traces?project=demo")
    await expect(visitor.get_by_role("table", name="Traces")).to_be_visible()
    await visitor.keyboard.press("?")
    help_ = visitor.get_by_role("dialog", name="Keyboard shortcuts")
    await expect(help_.get_by_text("Pause, or go on live")).to_be_visible()
    assert await violations(visitor) == []
    await visitor.keyboard.press("Escape")
    await expect(help_).to_have_count(0)
    for keys, title in (("gm", "Models"), ("go", "Overview"), ("gt", "Traces")):
        for key in keys:
            await visitor.keyboard.press(key)
        await expect(visitor.get_by_role("heading", name=title, level=1)).to_be_visible()
    await visitor.keyboard.press("D")
    await expect(visitor.locator("html")).to_have_attribute("data-theme", "light")


async def test_a_view_is_saved_opened_and_deleted(demo: Stack, visitor: Page) -> None:
    send(demo, "views", "fine")
    send(demo, "views", "broken", failed=True)
    await visitor.goto(f"{demo.url('query-api')}/traces?project=views&filter=status:error&range=7d")
    await visitor.get_by_role("button", name="Views", exact=True).click()
    dialog = visitor.get_by_role("dialog", name="Views for everybody in views")
    await dialog.get_by_role("textbox", name="Name of the view").fill("Failed")
    await dialog.get_by_role("button", name="Save").click()
    await dialog.get_by_role("button", name="Open the list with Failed").click()
    await expect(dialog.get_by_role("button", name="Do not open the list with Failed")).to_be_visible()

    await visitor.goto(f"{demo.url('query-api')}/spans?project=views")
    await visitor.get_by_role("navigation", name="Main").get_by_role("link", name="Traces").click()
    await expect(visitor).to_have_url(re.compile(r"/traces\?project=views&range=7d&filter=status%3Aerror$"))
    views = visitor.get_by_role("button", name="Views", exact=True)
    await expect(views).to_have_text("Failed")
    await views.click()
    await dialog.get_by_role("button", name="Delete the view Failed").click()
    await dialog.get_by_role("button", name="Really delete the view Failed?").click()
    await expect(dialog).to_contain_text("None yet")


async def test_the_first_steps_end_with_the_first_trace(demo: Stack, visitor: Page) -> None:
    await visitor.goto(f"{demo.url('query-api')}/?project=fresh")
    await expect(visitor.get_by_role("heading", name="Send data")).to_be_visible()
    await expect(visitor.get_by_text("Waiting for the first trace of fresh…")).to_be_visible()
    assert await violations(visitor) == []
    await expect(visitor.locator("pre")).to_contain_text(f'base_url="{demo.url("proxy")}/v1"')
    await visitor.get_by_role("tab", name="Claude Code").click()
    await expect(visitor.locator("pre")).to_contain_text(f"OTEL_EXPORTER_OTLP_ENDPOINT={demo.url('ingest')}")
    send(demo, "fresh", "the first")
    await expect(visitor.get_by_role("table", name="Traces").get_by_role("link", name="the first")).to_be_visible()
    await visitor.goto(f"{demo.url('query-api')}/start?project=fresh")
    await expect(visitor.get_by_role("status").filter(has_text="Data arrives.")).to_contain_text("the first")

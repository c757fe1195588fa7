"""The list of users, by keyboard alone."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Page, expect

from llmflow_testkit.pages import assert_accessible
from llmflow_testkit.stack import Stack

pytestmark = pytest.mark.browser


async def test_users_are_filtered_and_their_numbers_lead_to_the_spans_that_were_counted(
    demo: Stack, visitor: Page
) -> None:
    await visitor.goto(f"{demo.url('query-api')}/users?project=demo")
    rows = visitor.get_by_role("table", name="Users and their usage").locator("tbody").get_by_role("row")
    await expect(rows.nth(1)).to_be_visible()

    await visitor.keyboard.press("/")
    await visitor.keyboard.type("status:error")
    await visitor.keyboard.press("Enter")
    await expect(visitor).to_have_url(re.compile("filter=status%3Aerror"))
    await visitor.keyboard.press("Tab")
    await expect(visitor.get_by_role("button", name="Clear the filter")).to_be_focused()
    requests = rows.first.get_by_role("link").nth(1)
    await requests.focus()
    await visitor.keyboard.press("Enter")
    await expect(visitor).to_have_url(re.compile("/spans"))
    await expect(visitor.get_by_role("textbox", name="Filter")).to_have_value(re.compile("status:error.*user:"))

    await visitor.go_back()
    await assert_accessible(visitor)

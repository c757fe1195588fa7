"""Alerts on the page: a channel, a rule that fires, a budget, the history, and the command beside it."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest
from playwright.async_api import Page, expect

from llmflow_testkit.pages import WIDE, assert_accessible
from llmflow_testkit.polling import eventually
from llmflow_testkit.stack import Stack
from llmflow_testkit.webhook_receiver import SECRET, webhook_receiver

pytestmark = pytest.mark.browser

PROJECT = "alerted"


def failed_calls(count: int) -> dict[str, Any]:
    """An OTLP request with calls that failed a minute ago, as JSON."""
    start = time.time_ns() - 60 * 10**9
    attributes = [
        {"key": "gen_ai.operation.name", "value": {"stringValue": "chat"}},
        {"key": "gen_ai.request.model", "value": {"stringValue": "gpt-4o"}},
        {"key": "gen_ai.usage.input_tokens", "value": {"intValue": "200000"}},
        {"key": "gen_ai.usage.output_tokens", "value": {"intValue": "1000"}},
        {"key": "user.id", "value": {"stringValue": "alice"}},
    ]
    spans = [
        {
            "traceId": f"{number:032x}",
            "spanId": f"{number:016x}",
            "name": "chat gpt-4o",
            "kind": 3,
            "startTimeUnixNano": str(start + number),
            "endTimeUnixNano": str(start + number + 10**9),
            "attributes": attributes,
            "status": {"code": 2},
        }
        for number in range(1, count + 1)
    ]
    return {"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}


async def refused(page_problems: list[str]) -> None:
    """Take out what Chromium itself reports of every answer that is no success, perhaps after the page has shown it."""

    async def told() -> bool:
        return bool(page_problems)

    await eventually(told, within=30)
    while page_problems:
        assert "400" in page_problems.pop()


async def choose(page: Page, label: str, option: str) -> None:
    await page.get_by_role("button", name=re.compile(f"{label}$")).click()
    await page.get_by_role("option", name=option, exact=True).click()


async def test_a_rule_and_a_budget_from_their_making_to_their_end(
    demo: Stack, visitor: Page, page_problems: list[str]
) -> None:
    page, base = visitor, f"{demo.url('query-api')}/alerts?project={PROJECT}"
    async with webhook_receiver() as receiver, demo.api() as api:
        await api.post("/api/v1/projects", json={"name": PROJECT, "title": ""})
        sent = await page.request.post(
            f"{demo.url('ingest')}/v1/traces", data=failed_calls(4), headers={"X-LLMFlow-Project": PROJECT}
        )
        assert sent.ok

        await page.goto(f"{base}&tab=channels")
        await page.get_by_role("button", name="New channel").click()
        form = page.get_by_role("form", name="New channel")
        await form.get_by_label("Name").fill("pager")
        await form.get_by_label("Address").fill("http://10.0.0.1/hook")
        await form.get_by_label("Signing secret").fill(SECRET)
        await form.get_by_role("button", name="Save channel").click()
        await expect(page.get_by_role("alert")).to_contain_text("LLMFLOW_WEBHOOK_ALLOW")
        await refused(page_problems)
        await form.get_by_label("Address").fill(f"{receiver.url}/hook")
        await form.get_by_role("button", name="Save channel").click()
        row = page.get_by_role("row", name=re.compile("^pager"))
        await expect(row).to_contain_text("127.0.0.1")
        await row.get_by_role("button", name="Test pager").click()
        await expect(page.get_by_role("status", name="Test notice")).to_contain_text("pager: arrived (204)")

        await page.get_by_role("tab", name="Rules").click()
        await page.get_by_role("button", name="New rule").click()
        form = page.get_by_role("form", name="New rule")
        await form.get_by_label("Name").fill("Errors of alice")
        await choose(page, "When", "Error rate")
        await form.get_by_label("Threshold").fill("20")
        await choose(page, "Over the last", "1 h")
        await form.get_by_label("Filter", exact=True).fill("user:(")
        await form.get_by_label("Filter", exact=True).press("Enter")
        await form.get_by_text("pager", exact=True).click()
        await form.get_by_role("button", name="Create rule").click()
        await expect(form.get_by_role("alert")).to_be_visible()
        await form.get_by_label("Filter", exact=True).fill("user:alice")
        await form.get_by_label("Filter", exact=True).press("Enter")
        await expect(form.get_by_role("img", name="The last day over time")).to_be_visible()
        await expect(form.get_by_role("listitem").filter(has_text="Threshold")).to_be_visible()
        # The preview was refused too.
        await refused(page_problems)
        await assert_accessible(page)
        await page.set_viewport_size(WIDE)
        await form.get_by_role("button", name="Create rule").click()
        row = page.get_by_role("row", name=re.compile("^Errors of alice"))
        await expect(row).to_contain_text("firing since")
        await expect(row).to_contain_text("Error rate is above 20 % over 1 h")
        await assert_accessible(page)
        await page.set_viewport_size(WIDE)
        await row.get_by_role("button", name="Silence Errors of alice").click()
        await page.get_by_role("menuitem", name="1 hour").click()
        await expect(row).to_contain_text("silent until")

        await page.get_by_role("tab", name="Budgets").click()
        await page.get_by_role("button", name="New budget").click()
        form = page.get_by_role("form", name="New budget")
        await form.get_by_label("Name").fill("Each user")
        await form.get_by_label("Limit").fill("1")
        await choose(page, "For", "Users")
        await form.get_by_text("pager", exact=True).click()
        await form.get_by_role("button", name="Create budget").click()
        await expect(page.get_by_role("meter", name="alice")).to_contain_text("of $1.00")
        await assert_accessible(page)
        await page.set_viewport_size(WIDE)

        async def told() -> bool:
            return {"alert.firing", "budget.threshold_reached"} <= set(receiver.types)

        await eventually(told, within=30)
        await page.get_by_role("tab", name="History").click()
        history = page.get_by_role("region", name=f"History of {PROJECT}")
        await expect(history).to_contain_text("Errors of alice: error_rate is 100.00%, above 20.00%")
        await expect(history).to_contain_text("of user alice is spent")
        await assert_accessible(page)
        await page.set_viewport_size(WIDE)

        await page.goto(base)
        row = page.get_by_role("row", name=re.compile("^Errors of alice"))
        await row.get_by_role("button", name="Delete Errors of alice").click()
        await row.get_by_role("button", name=re.compile("Really delete")).click()
        await expect(page.get_by_text("No rule yet")).to_be_visible()

        async def resolved() -> bool:
            return "alert.resolved" in receiver.types

        await eventually(resolved, within=30)
        assert receiver.refused == []

"""Every page works in a browser and is accessible; nobody complains in its console."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Page, expect

from llmflow_testkit.pages import assert_accessible, violations
from llmflow_testkit.polling import eventually
from llmflow_testkit.stack import Stack

pytestmark = pytest.mark.browser


@pytest.mark.parametrize(
    ("path", "shows"),
    [
        ("/overview?project=demo", "In detail"),
        ("/traces?project=demo&filter=model:gpt-4o*", "Facets"),
        ("/spans?project=demo&filter=type:generation", "Facets"),
        ("/overview", "No requests to a model"),
        ("/sessions?project=demo", "Newest input"),
        ("/users?project=demo", "Last seen"),
        ("/models?project=demo", "$ per 1M tokens"),
        ("/settings", "Last used"),
        ("/settings?tab=audit", "Detail"),
    ],
)
async def test_a_page_is_accessible_in_both_themes_and_on_a_phone(
    demo: Stack, visitor: Page, path: str, shows: str
) -> None:
    await visitor.goto(demo.url("query-api") + path)
    await expect(visitor.get_by_text(shows).or_(visitor.get_by_role("complementary", name=shows)).first).to_be_visible()
    await assert_accessible(visitor)


async def test_a_filter_is_completed_and_kept_in_the_url(visitor: Page) -> None:
    field = visitor.get_by_role("textbox", name="Filter")
    await expect(field).to_be_visible()
    await visitor.keyboard.press("/")
    await expect(field).to_be_focused()
    await visitor.keyboard.type("mod")
    await visitor.get_by_role("option", name=re.compile("^model")).click()
    await expect(field).to_have_value("model:")
    await visitor.get_by_role("option", name=re.compile("^gpt-4o-mini")).click()
    await expect(visitor).to_have_url(re.compile(r"filter=model%3Agpt-4o-mini"))
    await expect(visitor.get_by_role("checkbox", name=re.compile("^gpt-4o-mini"))).to_be_checked()

    await visitor.get_by_role("checkbox", name=re.compile("^error")).check(force=True)
    await expect(field).to_have_value("model:gpt-4o-mini status:error")
    await visitor.reload()
    await expect(field).to_have_value("model:gpt-4o-mini status:error")


async def test_a_wrong_filter_is_shown_at_its_place(visitor: Page, page_problems: list[str]) -> None:
    await visitor.get_by_role("textbox", name="Filter").fill("cost:much")
    await visitor.keyboard.press("Enter")
    alert = visitor.get_by_role("alert")
    await expect(alert).to_contain_text("cost must be")
    await expect(alert.locator("mark")).to_have_text("m")
    assert await violations(visitor) == []
    # Chromium itself reports every answer that is no success.
    assert page_problems
    assert all("400 (Bad Request)" in problem for problem in page_problems)
    page_problems.clear()


async def test_who_comes_back_finds_the_list_where_it_was(visitor: Page) -> None:
    table = visitor.get_by_role("table", name="Traces")
    rows = table.get_by_role("row").filter(has=visitor.get_by_role("link"))
    first = rows.first.get_by_role("link").first
    newest = await first.get_attribute("href")
    assert newest
    await visitor.locator("[data-scroll-restoration-id=Traces]").evaluate("(element) => element.scrollTo(0, 900)")
    # Only rows near those in sight are there. A click on one of before would scroll back to it.
    await expect(first).not_to_have_attribute("href", newest)
    await rows.nth(18).get_by_role("link").first.click()
    await expect(visitor.get_by_role("treegrid", name="Span tree")).to_be_visible()
    await visitor.go_back()
    await expect(table).to_be_visible()

    # The page's policy forbids the `eval` by which Playwright waits for a condition.
    async def scrolled_back() -> bool:
        return bool(await visitor.locator("[data-scroll-restoration-id=Traces]").evaluate("(e) => e.scrollTop === 900"))

    await eventually(scrolled_back, within=30)


async def test_numbers_of_the_overview_lead_to_their_spans(demo: Stack, visitor: Page) -> None:
    await visitor.get_by_role("link", name="Overview").click()
    requests = visitor.get_by_role("region", name="Requests")
    await requests.get_by_role("button", name="Table").click()
    cell = requests.get_by_role("row").nth(1).get_by_role("link").first
    count = int(await cell.inner_text())
    assert count > 0
    await cell.click()
    await expect(visitor.get_by_role("heading", name="Spans")).to_be_visible()
    await expect(visitor.get_by_role("table", name="Spans")).to_have_attribute("aria-rowcount", str(count + 1))


async def test_a_session_reads_as_a_conversation(visitor: Page) -> None:
    await visitor.get_by_role("link", name="Sessions").click()
    await visitor.get_by_role("rowheader").get_by_role("link").first.click()
    turns = visitor.get_by_role("list", name="Conversation")
    await expect(turns.get_by_role("list", name="Asked in turn 1").get_by_role("listitem").first).to_be_visible()
    assert await violations(visitor) == []


async def test_spans_are_found_judged_and_called_again(visitor: Page) -> None:
    await visitor.goto(
        visitor.url.replace("/traces?", "/spans?") + "&filter=type:generation provider:openai root:false"
    )
    await visitor.get_by_role("table", name="Spans").get_by_role("link").first.click()
    tree = visitor.get_by_role("treegrid", name="Span tree")
    await visitor.get_by_label("Find spans").fill("gpt")
    await expect(visitor.get_by_role("status").filter(has_text="found")).to_be_visible()
    await expect(tree.locator("[data-dimmed]").first).to_be_attached()
    await visitor.get_by_role("button", name="Critical path").click()
    await expect(visitor).to_have_url(re.compile("find=gpt.*critical=1"))

    details = visitor.get_by_role("region", name="Span details")
    await expect(details.get_by_role("button", name="Copy call as cURL")).to_be_visible()
    await details.get_by_role("tab", name="Scores").click()
    await details.get_by_label("Comment").fill("To the point")
    await details.get_by_role("button", name="Good").click()
    scores = details.get_by_role("list", name="Scores")
    await expect(scores).to_contain_text("To the point")
    assert await violations(visitor) == []
    await scores.get_by_role("button", name="Delete the score feedback").click()
    await scores.get_by_role("button", name="Really delete the score feedback?").click()
    await expect(scores.get_by_role("listitem")).to_have_count(0)


async def test_a_key_is_made_shown_once_and_revoked(visitor: Page) -> None:
    await visitor.get_by_role("link", name="Settings").click()
    await visitor.get_by_label("New key for").fill("checkout")
    await visitor.get_by_role("button", name="Create key").click()
    await expect(visitor.get_by_text("it is not shown again")).to_be_visible()
    row = visitor.get_by_role("row").filter(has=visitor.get_by_role("rowheader", name="checkout"))
    assert await violations(visitor) == []
    await visitor.reload()
    await expect(row).to_contain_text("send")
    await row.get_by_role("button", name="Revoke the key checkout").click()
    await row.get_by_role("button", name="Really revoke the key checkout?").click()
    await expect(row).to_have_count(0)
    await visitor.get_by_role("tab", name="Audit").click()
    await expect(visitor.get_by_role("row").nth(2)).to_contain_text("checkout")


@pytest.mark.parametrize("path", ["users", "models"])
async def test_a_column_puts_its_list_in_order(demo: Stack, visitor: Page, path: str) -> None:
    await visitor.goto(f"{demo.url('query-api')}/{path}?project=demo")
    cost, requests = (visitor.get_by_role("columnheader", name=name, exact=True) for name in ("Cost", "Requests"))
    await expect(cost).to_have_attribute("aria-sort", "descending")
    await requests.get_by_role("button").click()
    await expect(visitor).to_have_url(re.compile("order=requests"))
    await expect(requests).to_have_attribute("aria-sort", "descending")
    await expect(cost).to_have_attribute("aria-sort", "none")
    rows = visitor.get_by_role("table").locator("tbody tr")

    async def falling() -> bool:
        place = {"users": 1, "models": 2}[path]
        texts = await rows.locator(f"td:nth-of-type({place})").all_inner_texts()
        counts = [int(text.replace(",", "")) for text in texts]
        return len(counts) > 3 and counts == sorted(counts, reverse=True) and counts[0] > counts[-1]

    await eventually(falling, within=30)
    assert await violations(visitor) == []

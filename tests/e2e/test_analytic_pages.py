"""The pages that analyse: explorer, logs, AI tools, metrics, prices and a project's settings.

Their numbers are the API's and lead to what they are made of.
"""

from __future__ import annotations

import csv
import re
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.async_api import Locator, Page, expect

from llmflow_testkit.pages import assert_accessible, violations
from llmflow_testkit.polling import eventually
from llmflow_testkit.recorded_coding_tools import recorded_until
from llmflow_testkit.stack import Stack

pytestmark = pytest.mark.browser

TOOLS = ("claude_code", "codex", "gemini_cli")
#: Where the tools' logs and metrics are, and where their metrics alone.
ALL, METRICS_ONLY = "ai-tools", "ai-tools-metrics"


@pytest.fixture(scope="module")
def tools(demo: Stack) -> Stack:
    """What AI command-line tools really sent, as of a minute ago."""
    with httpx.Client(base_url=demo.url("ingest"), headers={"content-type": "application/x-protobuf"}) as client:
        for tool in TOOLS:
            logs, metrics = recorded_until(tool, time.time_ns() - 60 * 10**9)
            for signal, body, project in (
                ("logs", logs, ALL),
                ("metrics", metrics, ALL),
                ("metrics", metrics, METRICS_ONLY),
            ):
                answer = client.post(f"/v1/{signal}", content=body, headers={"x-llmflow-project": project})
                answer.raise_for_status()
    return demo


async def api(stack: Stack, path: str, **parameters: Any) -> Any:
    async with stack.api() as client:
        answer = await client.get(f"/api/v1{path}", params=parameters)
        return answer.raise_for_status().json()


async def tools_of(stack: Stack, project: str) -> dict[str, Any]:
    """The sums of every tool, once all are there."""
    found: dict[str, Any] = {}

    async def all_there() -> bool:
        found.update({tool["tool"]: tool for tool in (await api(stack, "/coding-tools", project=project))["tools"]})
        return len(found) == len(TOOLS)

    await eventually(all_there, within=30)
    return found


def row_of(page: Page, table: str, name: str) -> Locator:
    """The row that a table names so."""
    rows = page.get_by_role("table").and_(page.get_by_label(table).locator("table")).get_by_role("row")
    return rows.filter(has=page.get_by_role("rowheader", name=name, exact=True))


async def cell_of(page: Page, table: str, name: str, column: str) -> Locator:
    """What stands in a named column of a named row."""
    await expect(row_of(page, table, name)).to_be_visible()
    headers = await page.get_by_label(table).locator("thead th").all_inner_texts()
    return row_of(page, table, name).locator("th, td").nth(headers.index(column))


@pytest.mark.parametrize(
    ("path", "shows"),
    [
        ("/explore?project=demo&metric=cost&by=model&form=bars&compare=1", "Change"),
        ("/explore?project=demo&metric=latency", "Latency, p95"),
        (f"/logs?project={ALL}&tool=claude_code", "claude_code.api_request"),
        (f"/tools?project={ALL}", "Sessions"),
        ("/tools?project=empty", "No AI command-line tool"),
        (f"/otlp-metrics?project={ALL}&name=claude_code.token.usage&by=type", "cacheRead"),
        ("/prices?project=demo&model=house", "Models in use"),
        ("/settings?project=demo&tab=project", "Prompts and completions"),
    ],
)
async def test_an_analytic_page_is_accessible(tools: Stack, visitor: Page, path: str, shows: str) -> None:
    await tools_of(tools, ALL)
    await visitor.goto(tools.url("query-api") + path)
    await expect(visitor.get_by_text(shows).first).to_be_visible()
    await assert_accessible(visitor)


async def test_the_explorers_numbers_are_the_apis_and_lead_to_their_spans(
    demo: Stack, visitor: Page, tmp_path: Path
) -> None:
    await visitor.goto(f"{demo.url('query-api')}/explore?project=demo&range=7d&by=model")
    answer = await api(
        demo, "/analytics", project="demo", metric="requests", group_by="model", **await range_on(visitor)
    )
    table = "Requests in numbers"
    for group in answer["groups"]:
        cell = await cell_of(visitor, table, group["key"]["model"], "Requests")
        await expect(cell).to_have_text(f"{group['value']:.0f}")
    await expect(visitor.get_by_label(table).locator("tfoot td").first).to_have_text(f"{answer['total']['value']:.0f}")

    async with visitor.expect_download() as download:
        await visitor.get_by_role("button", name="Download the table as CSV").click()
    saved = tmp_path / "table.csv"
    await (await download.value).save_as(saved)
    lines = list(csv.reader(saved.read_text().splitlines()))
    assert lines[0] == ["model", "requests", "unit", "spans"]
    assert {line[0]: float(line[1]) for line in lines[1:-1]} == {
        group["key"]["model"]: group["value"] for group in answer["groups"]
    }

    smallest = answer["groups"][-1]
    await (await cell_of(visitor, table, smallest["key"]["model"], "Requests")).get_by_role("link").click()
    await expect(visitor.get_by_role("heading", name="Spans")).to_be_visible()
    spans = visitor.get_by_role("table", name="Spans")
    await expect(spans).to_have_attribute("aria-rowcount", f"{smallest['value'] + 1:.0f}")


async def range_on(page: Page) -> dict[str, str]:
    """The range that the table's numbers are of, from where they lead to."""
    link = page.get_by_label("in numbers").locator("tfoot").get_by_role("link").first
    found = httpx.URL(str(await link.get_attribute("href"))).params
    return {"from": found["from"], "to": found["to"]}


async def test_a_question_is_asked_by_hand_and_kept_in_the_url(demo: Stack, visitor: Page) -> None:
    await visitor.goto(f"{demo.url('query-api')}/explore?project=demo")
    await visitor.get_by_role("button", name=re.compile("Measure")).click()
    await visitor.get_by_role("option", name="Tokens", exact=True).click()
    by = visitor.get_by_role("combobox", name="By")
    await by.fill("resource.service.version")
    await by.press("Enter")
    await expect(visitor).to_have_url(re.compile("metric=tokens.*by=resource.service.version"))
    await visitor.get_by_role("button", name=re.compile("Drawn as")).click()
    await visitor.get_by_role("option", name="Stacked areas").click()
    await visitor.get_by_role("button", name="Compare with before").click()
    await visitor.reload()
    await expect(visitor).to_have_url(re.compile("form=areas.*compare=1"))
    await expect(row_of(visitor, "Tokens in numbers", "1.4.0")).to_be_visible()
    await expect(visitor.get_by_role("columnheader", name="Before")).to_be_visible()
    assert await violations(visitor) == []


async def test_a_tools_numbers_lead_to_its_events(tools: Stack, visitor: Page) -> None:
    claude = (await tools_of(tools, ALL))["claude_code"]
    await visitor.goto(f"{tools.url('query-api')}/tools?project={ALL}")
    table = "AI command-line tools"
    await expect(await cell_of(visitor, table, "Claude Code", "Cost")).to_have_text(
        f"${float(claude['usage']['cost']):.4f}"
    )
    calls = await cell_of(visitor, table, "Claude Code", "Calls")
    await expect(calls).to_have_text(str(claude["usage"]["requests"]))
    await calls.get_by_role("link").click()
    records = visitor.get_by_label("Log records, newest first").locator("tbody > tr")
    await expect(records).to_have_count(claude["usage"]["requests"])
    await records.first.get_by_role("button").click()
    await expect(visitor).to_have_url(re.compile("log="))
    await expect(visitor.get_by_label("Record").get_by_text("Input tokens")).to_be_visible()
    assert await violations(visitor) == []
    await records.first.get_by_role("button").click()

    await visitor.get_by_role("searchbox").fill("no such text")
    await visitor.get_by_role("searchbox").press("Enter")
    await expect(visitor.get_by_text("No log record in this time")).to_be_visible()


async def test_a_tool_that_sends_only_metrics_is_shown_by_these(tools: Stack, visitor: Page) -> None:
    claude = (await tools_of(tools, METRICS_ONLY))["claude_code"]
    assert claude["source"] == "metrics"
    tokens = claude["usage"]["input_tokens"] + claude["usage"]["output_tokens"]
    await visitor.goto(f"{tools.url('query-api')}/tools?project={METRICS_ONLY}")
    table = "AI command-line tools"
    await expect(await cell_of(visitor, table, "Claude Code", "Told by")).to_have_text("metrics only")
    cell = await cell_of(visitor, table, "Claude Code", "Tokens")
    await expect(cell).to_have_text(f"{tokens / 1000:.1f}k")
    await cell.get_by_role("link").click()
    await expect(visitor.get_by_role("heading", name="claude_code.token.usage")).to_be_visible()


async def test_a_price_of_ones_own_is_set_and_deleted(demo: Stack, visitor: Page, page_problems: list[str]) -> None:
    await visitor.goto(f"{demo.url('query-api')}/prices?project=demo")
    await visitor.get_by_role("button", name="Set a price of gpt-4o-mini").click()
    form = visitor.get_by_role("form", name="Own price")
    await expect(form.get_by_label("Model")).to_have_value("gpt-4o-mini")
    await form.get_by_label("Model").fill("page-model-[0-9]+")
    await form.get_by_label("Name").fill("page-models")
    await form.get_by_label("Input $", exact=True).fill("0.25")
    await form.get_by_label("Output $").fill("free")
    await form.get_by_role("button", name="Save price").click()
    await expect(form.get_by_role("alert")).to_be_visible()
    # Chromium itself reports every answer that is no success.
    assert all("400 (Bad Request)" in problem for problem in page_problems)
    page_problems.clear()
    await form.get_by_label("Output $").fill("1.5")
    await form.get_by_role("button", name="Save price").click()
    row = row_of(visitor, "Own prices, in the order in which they are tried", "page-models")
    await expect(row).to_contain_text("$0.25")
    in_use = (await api(demo, "/prices", model="page-model-1", provider="openai"))["in_use"]
    assert (in_use["source"], in_use["rates"]["output"]) == ("own:page-models", "1.5")
    await row.get_by_role("button", name="Delete the price page-models").click()
    await row.get_by_role("button", name="Really delete the price page-models?").click()
    await expect(row).to_have_count(0)


async def test_a_project_is_renamed_kept_for_days_of_its_own_and_deleted(demo: Stack, visitor: Page) -> None:
    name = "short-lived"
    async with demo.api() as client:
        (await client.post("/api/v1/projects", json={"name": name, "title": ""})).raise_for_status()
    await visitor.goto(f"{demo.url('query-api')}/settings?project={name}&tab=project")
    await visitor.get_by_role("textbox", name="Title").fill("Short")
    await visitor.get_by_role("button", name="Rename").click()
    await visitor.get_by_label("Prompts and completions").fill("7")
    await visitor.get_by_role("button", name=re.compile("^Save days")).click()
    await visitor.get_by_role("button", name=re.compile("^Really save days")).click()

    async def kept() -> bool:
        return bool((await api(demo, f"/projects/{name}/retention"))["chosen"]["content"] == 7)

    await eventually(kept, within=30)
    titles = {project["name"]: project["title"] for project in (await api(demo, "/projects"))["details"]}
    assert titles[name] == "Short"

    await visitor.get_by_role("tab", name="API keys").click()
    await visitor.get_by_label("New key for").fill("night-job")
    await visitor.get_by_label("Good until").fill("2099-12-31")
    await visitor.get_by_role("button", name="Create key").click()
    await expect(row_of(visitor, f"API keys of {name}", "night-job")).to_contain_text(re.compile("2099|2100"))

    await visitor.get_by_role("tab", name="This project").click()
    delete = visitor.get_by_role("button", name=re.compile("elete the project"))
    await expect(delete).to_be_disabled()
    await visitor.get_by_label(f"Type {name} to confirm").fill(name)
    await delete.click()
    await delete.click()
    await expect(visitor).to_have_url(re.compile(r"/settings\?tab=projects$"))
    assert name not in (await api(demo, "/projects"))["projects"]

    await visitor.goto(f"{demo.url('query-api')}/settings?project={name}&tab=audit&own=1")
    changes = visitor.get_by_label("Changes, newest first").locator("tbody tr")
    await expect(changes.filter(has_text="project.delete")).to_have_count(1)
    await expect(changes.filter(has_not_text=name)).to_have_count(0)

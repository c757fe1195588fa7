"""The page of one trace in a browser: its tree by keyboard, its messages, its copies, and traces hard on it."""

from __future__ import annotations

import asyncio
import json
import re
import time

import httpx
import pytest
from playwright.async_api import Page, expect

from llmflow_testkit.agent_trace import ANSWER, agent_trace
from llmflow_testkit.pages import WIDE, assert_accessible, violations
from llmflow_testkit.polling import eventually
from llmflow_testkit.stack import Stack
from llmflow_testkit.trace_shapes import deep_trace, wide_trace

pytestmark = pytest.mark.browser

PROJECT = "trace-page"
SHORT, LONG, DEEP, WIDE_TRACE = (bytes([15, number]) * 8 for number in range(1, 5))
QUESTION = "Where are my parcels?"
SPANS = 10_000


@pytest.fixture(scope="session")
def traces(demo: Stack) -> Stack:
    """The traces of these tests, in a project of their own."""
    start = time.time_ns() - 900 * 10**9
    requests = (
        agent_trace(SHORT, question=QUESTION, linked=LONG),
        agent_trace(LONG, question=f"{QUESTION} I need them before Monday.", linked=SHORT),
        deep_trace(DEEP, start),
        wide_trace(WIDE_TRACE, start, spans=SPANS),
    )
    headers = {"content-type": "application/x-protobuf", "x-llmflow-project": PROJECT}
    with httpx.Client(trust_env=False, timeout=60, headers=headers) as client:
        for request in requests:
            client.post(f"{demo.url('ingest')}/v1/traces", content=request.SerializeToString()).raise_for_status()
    asyncio.run(_written(demo, 2 * 5 + 300 + SPANS))
    return demo


async def _written(stack: Stack, spans: int) -> None:
    async with stack.api() as api:

        async def all_there() -> bool:
            listed = (await api.get("/api/v1/traces", params={"project": PROJECT})).raise_for_status().json()["traces"]
            return bool(sum(trace["span_count"] for trace in listed) == spans)

        await eventually(all_there, within=60)


async def open_trace(page: Page, stack: Stack, trace_id: bytes, query: str = "") -> None:
    await page.goto(f"{stack.url('query-api')}/traces/{trace_id.hex()}?project={PROJECT}{query}")
    await expect(page.get_by_role("treegrid", name="Span tree").get_by_role("row").first).to_be_visible()


async def clipboard(page: Page, part: str) -> str:
    """What was copied, once this is a part of it."""

    async def copied() -> str:
        text = str(await page.evaluate("navigator.clipboard.readText()"))
        assert part in text, text
        return text

    return await eventually(copied, within=30)


async def test_a_trace_is_walked_by_keyboard(traces: Stack, visitor: Page) -> None:
    await open_trace(visitor, traces, SHORT)
    details = visitor.get_by_role("region", name="Span details")
    selected = visitor.get_by_role("row", selected=True)
    await visitor.keyboard.press("e")
    await expect(selected).to_contain_text("SELECT parcels")
    await expect(details.get_by_role("group", name="Error")).to_contain_text("deadlock detected")
    await details.get_by_text("Stack trace").click()
    await expect(details.get_by_text('File "parcels.py", line 31')).to_be_visible()

    tree = visitor.get_by_role("treegrid", name="Span tree")
    await tree.focus()
    await visitor.keyboard.press("ArrowLeft")
    await expect(selected).to_contain_text("execute_tool")
    await visitor.keyboard.press("ArrowLeft")
    await expect(tree.get_by_text("SELECT parcels")).to_have_count(0)
    await visitor.keyboard.press("Home")
    await expect(selected).to_contain_text("invoke_agent")
    await details.get_by_role("tab", name="Events").click()
    await expect(details.get_by_role("link", name=re.compile("Linked span"))).to_have_attribute(
        "href", re.compile(LONG.hex())
    )

    await tree.focus()
    await visitor.keyboard.press("/")
    await visitor.keyboard.type("select")
    await visitor.keyboard.press("Enter")
    await expect(selected).to_contain_text("SELECT parcels")
    await expect(visitor).to_have_url(re.compile(r"find=select"))


async def test_messages_read_as_a_conversation_and_can_be_taken_along(traces: Stack, visitor: Page) -> None:
    await visitor.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await open_trace(visitor, traces, SHORT, f"&span={5:016x}")
    details = visitor.get_by_role("region", name="Span details")
    call = details.get_by_role("listitem", name="Assistant message").first
    await expect(call).to_contain_text("Calls find_parcels")
    await expect(call).to_contain_text("Result of find_parcels")
    await expect(details.get_by_role("listitem", name="Tool message")).to_have_count(0)
    await expect(call.get_by_text("I must look the parcels up")).to_be_hidden()
    await call.get_by_text("Reasoning, 43 characters").click()
    await expect(call.get_by_text("I must look the parcels up")).to_be_visible()
    await expect(details.get_by_role("img", name=re.compile("image"))).to_be_visible()

    answer = details.get_by_role("list", name="Output messages")
    await expect(answer.get_by_role("cell", name="A-17")).to_be_visible()
    await expect(answer).to_contain_text("<script>alert(1)</script>")
    await expect(answer.get_by_role("link", name="the parcel")).to_have_attribute("rel", re.compile("noreferrer"))
    assert await violations(visitor) == []
    await details.get_by_role("button", name="Markdown").click()
    await expect(answer.get_by_role("table")).to_have_count(0)
    await expect(answer).to_contain_text("**yesterday**")
    await visitor.reload()
    await expect(answer).to_contain_text("**yesterday**")
    await details.get_by_role("button", name="Markdown").click()
    await expect(answer.get_by_role("table")).to_be_visible()

    await details.get_by_role("button", name="Copy span ID").click()
    assert await clipboard(visitor, "0005") == f"{5:016x}"
    await details.get_by_role("button", name="Copy span as JSON").click()
    output = json.loads(await clipboard(visitor, '"conversation"'))["conversation"]["output"]
    assert output[0]["parts"][0]["text"] == ANSWER
    await details.get_by_role("button", name="Copy call as cURL").click()
    await clipboard(visitor, "/v1/chat/completions")
    await details.get_by_role("button", name="Copy call as Python").click()
    assert QUESTION in await clipboard(visitor, "import ")


async def test_two_spans_and_two_traces_are_compared(traces: Stack, visitor: Page) -> None:
    await open_trace(visitor, traces, SHORT, f"&span={2:016x}&tab=timing")
    await expect(visitor.get_by_role("rowheader", name="Queue")).to_be_visible()
    await visitor.get_by_role("treegrid", name="Span tree").focus()
    await visitor.keyboard.press("c")
    await visitor.get_by_label("Compare with").fill("the other one")
    await visitor.keyboard.press("Enter")
    await expect(visitor.get_by_text("That names no trace")).to_be_visible()
    other = f"{traces.url('query-api')}/traces/{LONG.hex()}?project={PROJECT}&span={2:016x}"
    await visitor.get_by_label("Compare with").fill(other)
    await visitor.keyboard.press("Enter")
    added = visitor.get_by_role("group", name="input of B").get_by_role("insertion")
    await expect(added.first).to_contain_text("I need them before Monday")
    facts = visitor.get_by_role("region", name="Facts")
    await expect(facts.get_by_role("row").filter(has_text="Duration")).to_contain_text("900 ms")
    await visitor.get_by_role("button", name="Swap").click()
    removed = visitor.get_by_role("group", name="input of A").get_by_role("deletion")
    await expect(removed.first).to_contain_text("I need them before Monday")
    await assert_accessible(visitor)

    await visitor.set_viewport_size(WIDE)
    await visitor.goto(f"{traces.url('query-api')}/compare?project={PROJECT}&a={SHORT.hex()}")
    await visitor.get_by_role("button", name=re.compile("invoke_agent|parcels")).first.click()
    await expect(visitor.get_by_role("region", name="Steps")).to_contain_text("execute_tool find_parcels")


async def test_three_hundred_levels_stay_in_sight(traces: Stack, visitor: Page) -> None:
    await open_trace(visitor, traces, DEEP)
    await visitor.get_by_role("treegrid", name="Span tree").focus()
    await visitor.keyboard.press("End")
    last = visitor.get_by_role("row", selected=True)
    await expect(last).to_have_attribute("aria-level", "300")
    await expect(last.get_by_text("last call")).to_be_in_viewport()
    await expect(visitor.get_by_role("group", name="Error")).to_contain_text("took too long")
    await assert_accessible(visitor)


async def test_ten_thousand_spans_open_and_are_crossed_with_the_minimap(traces: Stack, visitor: Page) -> None:
    await open_trace(visitor, traces, WIDE_TRACE)
    tree = visitor.get_by_role("treegrid", name="Span tree")
    await expect(tree).to_have_attribute("aria-rowcount", str(SPANS))
    assert await tree.get_by_role("row").count() < 100
    minimap = visitor.get_by_role("scrollbar", name="Minimap")
    box = await minimap.bounding_box()
    assert box
    await visitor.mouse.move(box["x"] + 20, box["y"] + 2)
    await visitor.mouse.down()
    await visitor.mouse.move(box["x"] + 20, box["y"] + box["height"] / 2, steps=4)
    await visitor.mouse.up()
    await expect(minimap).to_have_attribute("aria-valuetext", re.compile(r"^Spans (4,9|5,0)\d\d to"))
    await expect(tree.get_by_text("turn 1", exact=True)).to_have_count(0)
    await minimap.focus()
    await visitor.keyboard.press("End")
    await expect(minimap).to_have_attribute("aria-valuetext", re.compile("to 10.0k of 10.0k"))
    await visitor.keyboard.press("Home")
    await expect(tree.get_by_text("turn 1", exact=True)).to_be_visible()
    await assert_accessible(visitor)

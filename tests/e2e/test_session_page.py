"""The page of one session in a browser: whole turns, what was called in them, and a session of many turns."""

from __future__ import annotations

import asyncio
import json
import re
import time
from typing import Any

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from playwright.async_api import Page, expect

from llmflow_core.otlp import key_values
from llmflow_testkit.agent_trace import agent_trace
from llmflow_testkit.pages import WIDE, assert_accessible
from llmflow_testkit.polling import eventually
from llmflow_testkit.stack import Stack

pytestmark = pytest.mark.browser

PROJECT = "session-page"
FIRST, SECOND = (bytes([16, number]) * 8 for number in (1, 2))
#: More than the page asks for at once.
TURNS = 120
#: More than a preview holds, less than is folded.
LONG_QUESTION = f"{'Where is parcel 17? ' * 40}Tell me soon."


def long_session() -> ExportTraceServiceRequest:
    """A chat of many turns, a minute apart, each call with all that was said before the last ten."""
    start = time.time_ns() - TURNS * 60 * 10**9
    said: list[dict[str, Any]] = []
    request = ExportTraceServiceRequest()
    spans = request.resource_spans.add().scope_spans.add().spans
    for turn in range(1, TURNS + 1):
        said.append({"role": "user", "parts": [{"type": "text", "content": f"Question {turn}?"}]})
        answer = {"role": "assistant", "parts": [{"type": "text", "content": f"Answer {turn}."}]}
        attributes = {
            "session.id": "chat/long",
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "openai",
            "gen_ai.request.model": "gpt-4o-mini",
            "gen_ai.input.messages": json.dumps(said[-10:]),
            "gen_ai.output.messages": json.dumps([answer]),
        }
        begin = start + turn * 60 * 10**9
        spans.append(
            Span(
                trace_id=bytes([17]) * 8 + turn.to_bytes(8),
                span_id=turn.to_bytes(8),
                name="chat gpt-4o-mini",
                start_time_unix_nano=begin,
                end_time_unix_nano=begin + 10**9,
                attributes=key_values(attributes),
            )
        )
        said.append(answer)
    return request


@pytest.fixture(scope="session")
def sessions(demo: Stack) -> Stack:
    """Two sessions, in a project of their own."""
    requests = (
        agent_trace(FIRST, question=LONG_QUESTION, linked=SECOND),
        agent_trace(SECOND, question="And my letters?", linked=FIRST),
        long_session(),
    )
    headers = {"content-type": "application/x-protobuf", "x-llmflow-project": PROJECT}
    with httpx.Client(trust_env=False, timeout=60, headers=headers) as client:
        for request in requests:
            client.post(f"{demo.url('ingest')}/v1/traces", content=request.SerializeToString()).raise_for_status()
    asyncio.run(_written(demo))
    return demo


async def _written(stack: Stack) -> None:
    async with stack.api() as api:

        async def all_there() -> bool:
            answer = await api.get("/api/v1/traces", params={"project": PROJECT, "limit": 200})
            traces = answer.raise_for_status().json()["traces"]
            return bool(sum(trace["span_count"] for trace in traces) == TURNS + 10)

        await eventually(all_there, within=60)


async def test_a_turn_says_everything_and_leads_to_what_is_behind_it(sessions: Stack, visitor: Page) -> None:
    await visitor.goto(f"{sessions.url('query-api')}/sessions?project={PROJECT}")
    await visitor.get_by_role("row").filter(has_text="parcels").get_by_role("rowheader").get_by_role("link").click()
    turn = visitor.get_by_role("list", name="Conversation").get_by_role("listitem", name="Turn 1", exact=True)
    asked = turn.get_by_role("list", name="Asked in turn 1")
    await expect(asked).to_contain_text("Tell me soon.")
    await expect(asked.get_by_role("img")).to_be_visible()
    await expect(asked).not_to_contain_text("Never guess")
    answered = turn.get_by_role("list", name="Answered in turn 1")
    await expect(answered.get_by_role("table")).to_contain_text("DHL")
    await expect(turn.get_by_role("list", name="Tools called")).to_contain_text("find_parcels")
    await assert_accessible(visitor)

    await visitor.set_viewport_size(WIDE)
    await turn.get_by_role("link", name="SELECT parcels failed").click()
    await expect(visitor.get_by_role("region", name="Span details")).to_contain_text("deadlock detected")
    await visitor.get_by_role("treegrid", name="Span tree").get_by_role("row").first.click()
    await expect(visitor.get_by_role("region", name="Span details")).to_contain_text("invoke_agent")
    await visitor.get_by_role("link", name="1 error").click()
    await expect(visitor).to_have_url(re.compile("span=0000000000000004"))


async def test_of_a_long_session_what_is_in_sight_is_drawn_and_the_rest_comes(sessions: Stack, visitor: Page) -> None:
    await visitor.goto(f"{sessions.url('query-api')}/sessions/chat%2Flong?project={PROJECT}")
    turns = visitor.get_by_role("list", name="Conversation")
    third = turns.get_by_role("listitem", name="Turn 3", exact=True)
    await expect(third).to_contain_text("59.0 s later")
    await expect(third.get_by_role("list", name="Asked in turn 3")).to_have_text("UserQuestion 3?")
    await expect(third.get_by_role("list", name="Answered in turn 3")).to_have_text("AssistantAnswer 3.")
    assert await turns.get_by_role("listitem", name=re.compile("^Turn")).count() < 30

    last = turns.get_by_role("listitem", name=f"Turn {TURNS}", exact=True)

    async def at_the_end() -> bool:
        left = await visitor.get_by_role("region", name="Turns").evaluate(
            "(e) => { const { scrollTop } = e; e.scrollTo(0, e.scrollHeight); return e.scrollTop - scrollTop; }"
        )
        return bool(left == 0 and await last.count() > 0)

    await eventually(at_the_end, within=15)
    await expect(last.get_by_role("list", name=f"Answered in turn {TURNS}")).to_have_text(f"AssistantAnswer {TURNS}.")
    await expect(last).to_be_in_viewport()
    await last.get_by_role("link", name="chat gpt-4o-mini").click()
    await expect(visitor.get_by_role("treegrid", name="Span tree")).to_be_visible()
    await visitor.go_back()
    await expect(last).to_contain_text(f"Answer {TURNS}.")

"""Interactions of google-genai, unmodified, through a real proxy; the span read back from a real log."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from google import genai
from google.genai import types

from llmflow_core.content import conversation
from llmflow_core.pricing import Prices

from .conftest import Recorded

pytestmark = pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession:DeprecationWarning")

MODEL = "gemini-3-flash-preview"
FUNCTION = {
    "type": "function",
    "name": "get_weather",
    "parameters": {"type": "object", "properties": {"location": {"type": "string"}}},
}


async def interact(url: str, stream: bool, **asked: Any) -> Any:
    """The interaction, or the events of its stream."""
    client = genai.Client(api_key="k", http_options=types.HttpOptions(base_url=url))
    try:
        made: Any = await client.aio.interactions.create(model=MODEL, stream=stream, **asked)
        return [event async for event in made] if stream else made
    finally:
        await client.aio.aclose()
        client.close()


@pytest.mark.parametrize("stream", [False, True])
async def test_an_interaction_that_searches(proxy_url: str, recorded: Recorded, stream: bool) -> None:
    made = await interact(
        proxy_url,
        stream,
        input="Why?",
        system_instruction="Be brief.",
        tools=[{"type": "google_search"}],
        generation_config={"temperature": 0.5, "max_output_tokens": 100},
    )
    usage = made[-1].interaction.usage if stream else made.usage
    span = await recorded.one()
    assert (span.name, span.provider, span.response_model) == (f"generate_content {MODEL}", "gcp.gemini", MODEL)
    assert (span.input_tokens, span.reasoning_tokens) == (usage.total_input_tokens + 100, 40)
    assert span.output_tokens == usage.total_output_tokens + 40
    assert (span.attributes["gen_ai.request.temperature"], span.finish_reasons) == (0.5, ["completed"])
    Prices().price(span)
    assert span.cost is not None
    assert span.input_cost is not None
    assert span.output_cost is not None
    assert span.cost - span.input_cost - span.output_cost == Decimal("0.014")  # a search
    said = conversation(span)
    assert [(message.role, message.parts[0].text) for message in said.input] == [
        ("system", "Be brief."),
        ("user", "Why?"),
    ]
    assert [(part.type, part.text) for part in said.output[0].parts if part.text] == [
        ("reasoning", "The user wonders."),
        ("text", "You said: Why?"),
    ]
    assert [part.type for part in said.output[0].parts] == ["reasoning", "tool_call", "tool_call_response", "text"]


@pytest.mark.parametrize("stream", [False, True])
async def test_an_interaction_that_calls_a_function(proxy_url: str, recorded: Recorded, stream: bool) -> None:
    await interact(proxy_url, stream, input="Why?", tools=[FUNCTION])
    told = {"type": "function_result", "call_id": "call_1", "name": "get_weather", "result": {"sky": "blue"}}
    await interact(proxy_url, stream, input=[told], previous_interaction_id="v1_1", tools=[FUNCTION])
    asked, answered = await recorded.all(2)
    assert asked.finish_reasons == ["requires_action"]
    assert [tool["name"] for tool in conversation(asked).tools] == ["get_weather"]
    call = conversation(asked).output[0].parts[-1]
    assert (call.type, call.name) == ("tool_call", "get_weather")
    assert isinstance(call.arguments, dict)
    result = conversation(answered).input[0]
    assert (result.role, result.parts[0].type, result.parts[0].result) == (
        "tool", "tool_call_response", {"sky": "blue"}
    )  # fmt: skip

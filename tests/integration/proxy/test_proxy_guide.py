"""The guide's Python examples, as written but for host and key, each a program of its own."""

from __future__ import annotations

import asyncio
import sys

from llmflow_core.content import conversation

from .conftest import Recorded

BASICS = """
from openai import OpenAI

# Point to LLMFlow proxy instead of OpenAI directly
client = OpenAI(
    base_url="http://localhost:8080/v1",  # LLMFlow proxy
    api_key="sk-your-actual-openai-key"   # Your real API key
)

# Use the client normally - all calls are automatically logged
response = client.chat.completions.create(
    model="gpt-3.5-turbo",
    messages=[
        {"role": "system", "content": "You are a helpful assistant."},
        {"role": "user", "content": "Explain quantum computing in simple terms."}
    ],
    temperature=0.7,
    max_tokens=150
)

print(response.choices[0].message.content)

# Stream responses are also captured
stream = client.chat.completions.create(
    model="gpt-4",
    messages=[{"role": "user", "content": "Write a haiku about programming"}],
    stream=True
)

for chunk in stream:
    if chunk.choices[0].delta.content:
        print(chunk.choices[0].delta.content, end='')
"""
ATTRIBUTES = """
from openai import OpenAI

# Python example
client = OpenAI(
    base_url="http://localhost:8080/v1",
    api_key="your-key",
    default_headers={
        "X-Trace-User-Id": "user-123",
        "X-Trace-Session-Id": "session-abc",
        "X-Trace-Feature": "chat-widget"
    }
)
client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "Hi"}])
"""


async def run(program: str, proxy_url: str) -> str:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program.replace("http://localhost:8080", proxy_url), stdout=asyncio.subprocess.PIPE
    )
    printed, _ = await process.communicate()
    assert process.returncode == 0
    return printed.decode()


async def test_the_first_steps(proxy_url: str, recorded: Recorded) -> None:
    printed = await run(BASICS, proxy_url)
    whole, streamed = await recorded.all(2)
    assert printed.splitlines() == [conversation(span).output[0].parts[0].text for span in (whole, streamed)]
    assert (whole.model, streamed.model) == ("gpt-3.5-turbo", "gpt-4")
    assert whole.attributes["gen_ai.request.temperature"] == 0.7
    assert streamed.time_to_first_token_ns is not None


async def test_attributes_of_ones_own(proxy_url: str, recorded: Recorded) -> None:
    await run(ATTRIBUTES, proxy_url)
    span = await recorded.one()
    assert (span.user_id, span.session_id, span.attributes["feature"]) == ("user-123", "session-abc", "chat-widget")

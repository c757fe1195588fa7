"""LiteLLM as a client, unmodified, through a real proxy: the same answers as without it, and a span for each call."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path

import pytest

from llmflow_core.content import conversation
from llmflow_testkit.clusters.availability import available
from llmflow_testkit.providers import FakeProvider
from llmflow_testkit.pythonpackages import BARE_PYTHON, find_python_clients

from .conftest import Recorded

PROGRAM = Path(__file__).with_name("litellm_client.py")
#: On a new machine the test installs LiteLLM.
pytestmark = pytest.mark.timeout(300)


def bases(url: str, gemini: str) -> dict[str, str]:
    return {"openai": f"{url}/v1", "anthropic": url, "gemini": f"{gemini}/v1beta"}


async def test_a_program_with_litellm(fake_provider: FakeProvider, proxy_url: str, recorded: Recorded) -> None:
    packages = available(find_python_clients)
    where = [bases(fake_provider.url, f"{fake_provider.url}/gemini"), bases(proxy_url, proxy_url)]
    # It would fetch a list of prices.
    variables = {"PYTHONPATH": str(packages), "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    process = await asyncio.create_subprocess_exec(
        *(BARE_PYTHON, PROGRAM, json.dumps(where)),
        env=os.environ | variables,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(240):
        printed, complaints = await process.communicate()
    assert process.returncode == 0, complaints.decode()
    # It also prints where to get help with the errors.
    direct, through = json.loads(printed.splitlines()[-1])
    assert len(direct) == 15
    assert through == direct

    spans = await recorded.all(12)
    assert [(span.provider, span.model, span.http_status) for span in spans] == [
        (provider, model, status)
        for provider, model in (
            ("openai", "gpt-4o"),
            ("anthropic", "claude-sonnet-4-5"),
            ("gcp.gemini", "gemini-2.5-flash"),
        )
        for status in (200, 200, 200, 429)
    ]
    for number in (0, 4, 8):
        whole, tool, streamed, _ = spans[number : number + 4]
        assert conversation(whole).output[0].parts[0].text == "You said: Why?"
        assert conversation(tool).output[0].parts[0].name == "get_weather"
        assert conversation(streamed).output[0].parts[0].text == "You said: Why?"
        assert streamed.time_to_first_token_ns is not None
        name = f"{['openai', 'anthropic', 'gemini'][number // 4]}/{whole.model}"
        assert [whole.input_tokens, whole.output_tokens] == direct[f"{name} whole"]["tokens"]
        assert [streamed.input_tokens, streamed.output_tokens] == direct[f"{name} streamed"]["tokens"]

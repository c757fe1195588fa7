"""OpenAI's SDK for Node, unmodified, through a real proxy."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Any

from llmflow_core.content import conversation
from llmflow_testkit.clusters.availability import available
from llmflow_testkit.nodepackages import find_node, find_node_openai
from llmflow_testkit.providers import FakeProvider

from .conftest import Recorded

HERE = Path(__file__).parent


async def run(program: str, base_url: str) -> Any:
    """What a program of this folder prints."""
    packages = available(find_node_openai)
    variables = {"NODE_PATH": str(packages), "OPENAI_BASE_URL": f"{base_url}/v1", "OPENAI_API_KEY": "sk-node"}
    process = await asyncio.create_subprocess_exec(
        *(find_node(), HERE / program),
        env=os.environ | variables,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(60):
        printed, complaints = await process.communicate()
    assert process.returncode == 0, complaints.decode()
    return json.loads(printed)


async def test_a_program_for_node(proxy_url: str, recorded: Recorded) -> None:
    assert await run("openai_node.cjs", proxy_url) == {
        "chat": "You said: Why?",
        "streamedChat": "You said: Why?",
        "tool": "get_weather",
        "response": "You said: Why?",
        "dimensions": 1536,
        "bytes": 3,
        "error": "rate_limit_exceeded",
    }
    spans = await recorded.all(8)
    assert [(span.name, span.status) for span in spans] == [
        ("chat gpt-4o", "unset"),
        ("chat gpt-4o", "unset"),
        ("chat gpt-4o", "unset"),
        ("chat gpt-4o", "unset"),
        ("embeddings text-embedding-3-small", "unset"),
        ("POST /v1/files", "unset"),
        ("chat gpt-4o", "error"),
        ("chat gpt-4o", "error"),
    ]
    assert [conversation(span).output[0].parts[0].text for span in (spans[0], spans[1], spans[3])] == [
        "You said: Why?"
    ] * 3
    assert conversation(spans[2]).output[0].parts[0].name == "get_weather"
    assert spans[5].attributes["llmflow.request.file.size"] == 3
    assert spans[7].attributes["http.request.resend_count"] == 1


async def test_images_and_audio(fake_provider: FakeProvider, proxy_url: str, recorded: Recorded) -> None:
    direct = await run("openai_media_node.cjs", fake_provider.url)
    assert await run("openai_media_node.cjs", proxy_url) == direct
    assert direct["transcription"] == direct["streamedTranscription"][-1] == "The quick brown fox."
    spans = await recorded.all(8)
    assert [(span.model, span.attributes["gen_ai.output.type"], span.output_tokens) for span in spans] == [
        ("gpt-image-1", "image", 1056),
        ("gpt-image-1", "image", 1056),
        ("gpt-image-1", "image", 1056),
        ("gpt-4o-mini-tts", "speech", None),
        ("gpt-4o-mini-tts", "speech", 101),
        ("gpt-4o-mini-transcribe", "text", 5),
        ("gpt-4o-mini-transcribe", "text", 5),
        ("whisper-1", "text", 5),
    ]
    assert [span.time_to_first_token_ns is not None for span in spans] == [
        False,
        True,
        False,
        False,
        True,
        False,
        True,
        False,
    ]
    assert [span.input_tokens for span in spans[:3]] == [1, 1, 301]

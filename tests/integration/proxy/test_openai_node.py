"""OpenAI's SDK for Node, unmodified, through a real proxy."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path

from llmflow_core.content import conversation
from llmflow_testkit.clusters.cache import BackendMissing
from llmflow_testkit.missing import missing
from llmflow_testkit.nodepackages import find_node_openai

from .conftest import Recorded

PROGRAM = Path(__file__).with_name("openai_node.cjs")


async def test_a_program_for_node(proxy_url: str, recorded: Recorded) -> None:
    try:
        packages = find_node_openai()
    except BackendMissing as reason:
        missing(str(reason))
    variables = {"NODE_PATH": str(packages), "OPENAI_BASE_URL": f"{proxy_url}/v1", "OPENAI_API_KEY": "sk-node"}
    process = await asyncio.create_subprocess_exec(
        "node", PROGRAM, env=os.environ | variables, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(60):
        printed, complaints = await process.communicate()
    assert process.returncode == 0, complaints.decode()
    assert json.loads(printed) == {
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

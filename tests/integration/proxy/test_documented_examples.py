"""The programs of docs/examples.md, as written but for the host: they run, and their calls are recorded."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shlex
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from llmflow_core.config import load_settings
from llmflow_core.content import conversation
from llmflow_core.ids import trace_id_from_text
from llmflow_core.spans import Span
from llmflow_proxy.app import create_app
from llmflow_proxy.settings import ProxySettings
from llmflow_testkit.clusters.availability import available
from llmflow_testkit.nodepackages import find_node, find_node_openai
from llmflow_testkit.providers import BackgroundServer, FakeProvider
from llmflow_testkit.pythonpackages import BARE_PYTHON, find_python_clients

from .conftest import Recorded

PAGE = (Path(__file__).parents[3] / "docs" / "examples.md").read_text()
#: Title of a section and its example, by language.
EXAMPLES = {
    language: {
        title: code
        for title, found, code in re.findall(r"(?ms)^## (.+?)$.*?^```(\w+)\n(.*?)^```", PAGE)
        if found == language
    }
    for language in ("sh", "python", "javascript", "ini", "php")
}
#: What the host of each example becomes.
PROXY, HELICONE = "http://localhost:8080", "https://oai.helicone.ai"
KEYS = {
    "OPENAI_API_KEY": "sk-openai-example",
    "HELICONE_API_KEY": "sk-helicone-example",
    "PORTKEY_API_KEY": "portkey-example",
}
#: On a new machine the first test installs LiteLLM, Opik and Portkey's SDK.
pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def examples_url(fake_provider: FakeProvider, log_url: str) -> Iterator[str]:
    settings = ProxySettings(
        bus_url=log_url,
        openai_base_url=f"{fake_provider.url}/v1",
        anthropic_base_url=fake_provider.url,
        gemini_base_url=f"{fake_provider.url}/gemini",
        forward_url_allow="127.0.0.1",
    )
    with BackgroundServer(create_app(settings)) as server:
        yield server.url


async def run(*command: str | Path, **variables: str | Path) -> str:
    """What a program prints."""
    environment = os.environ | KEYS | {name: str(value) for name, value in variables.items()}
    process = await asyncio.create_subprocess_exec(
        *command, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(120):
        printed, complaints = await process.communicate()
    assert process.returncode == 0, complaints.decode()
    return printed.decode()


def said(spans: list[Span]) -> list[str]:
    return [conversation(span).output[0].parts[0].text or "" for span in spans]


def test_every_example_is_run_below() -> None:
    assert {language: set(examples) for language, examples in EXAMPLES.items()} == {
        "sh": {"Any program that takes OPENAI_BASE_URL", "curl"},
        "python": set(PYTHON),
        "javascript": set(NODE),
        "ini": {"Through another gateway, for every call"},
        "php": {"OpenAI, PHP"},
    }
    assert PAGE.count("```") == 2 * sum(len(examples) for examples in EXAMPLES.values())


def check_basics(spans: list[Span]) -> None:
    whole, streamed = spans
    assert (whole.model, whole.attributes["gen_ai.request.temperature"]) == ("gpt-4o-mini", 0.7)
    assert streamed.time_to_first_token_ns is not None


def check_attributes(spans: list[Span]) -> None:
    (span,) = spans
    assert (span.user_id, span.session_id) == ("user-123", "session-abc")
    assert (span.attributes["feature"], span.attributes["step"]) == ("search-box", "classify")


def check_anthropic(spans: list[Span]) -> None:
    assert [(span.provider, span.time_to_first_token_ns is None) for span in spans] == [
        ("anthropic", True),
        ("anthropic", False),
    ]


def check_litellm(spans: list[Span]) -> None:
    assert [span.provider for span in spans] == ["openai", "anthropic", "gcp.gemini"]


def check_helicone(spans: list[Span]) -> None:
    (span,) = spans
    assert (span.user_id, span.attributes["feature"]) == ("user-7", "chat")
    assert KEYS["HELICONE_API_KEY"] not in repr(span)


def check_portkey(spans: list[Span]) -> None:
    (span,) = spans
    assert (span.user_id, span.attributes["team_id"], span.attributes["feature"]) == ("user_123", "engineering", "chat")
    assert KEYS["PORTKEY_API_KEY"] not in repr(span)
    assert "openai-prod" not in repr(span)


#: The number of calls that each example makes, and what else its spans have to say.
PYTHON: dict[str, tuple[int, Callable[[list[Span]], None]]] = {
    "OpenAI, Python": (2, check_basics),
    "Users, sessions and attributes of your own, Python": (1, check_attributes),
    "Anthropic, Python": (2, check_anthropic),
    "Gemini, Python": (1, lambda spans: None),
    "LiteLLM, Python": (3, check_litellm),
    "Opik beside LLMFlow, Python": (1, lambda spans: None),
    "A program written for Helicone, Python": (1, check_helicone),
    "A program written for Portkey, Python": (1, check_portkey),
}


@pytest.mark.parametrize("title", PYTHON)
async def test_python(title: str, examples_url: str, fake_provider: FakeProvider, recorded: Recorded) -> None:
    program = EXAMPLES["python"][title].replace(PROXY, examples_url)
    if any(name in program for name in ("litellm", "opik", "portkey_ai")):
        # None may reach its home: LiteLLM for prices, Opik for traces.
        variables = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "OPIK_TRACK_DISABLE": "true"}
        printed = await run(BARE_PYTHON, "-c", program, PYTHONPATH=available(find_python_clients), **variables)
    else:
        printed = await run(sys.executable, "-c", program)
    calls, check = PYTHON[title]
    spans = await recorded.all(calls)
    assert printed.splitlines() == said(spans)
    check(spans)


def check_node_basics(spans: list[Span]) -> None:
    assert conversation(spans[1]).output[0].parts[0].name == "get_weather"
    assert spans[2].time_to_first_token_ns is not None


def check_trace(spans: list[Span]) -> None:
    plan, details = spans
    assert plan.trace_id == details.trace_id
    assert [span.attributes["step"] for span in spans] == ["planning", "details"]


def check_headers_in_body(spans: list[Span]) -> None:
    (span,) = spans
    assert (span.trace_id, span.attributes["step"]) == (trace_id_from_text("trip-1"), "planning")


NODE: dict[str, tuple[int, Callable[[list[Span]], None]]] = {
    "OpenAI, Node": (3, check_node_basics),
    "Several calls as one trace, Node": (2, check_trace),
    "Headers among the parameters, Node": (1, check_headers_in_body),
    "Through another gateway, Node": (1, lambda spans: None),
}


@pytest.mark.parametrize("title", NODE)
async def test_node(
    title: str, examples_url: str, fake_provider: FakeProvider, recorded: Recorded, tmp_path: Path
) -> None:
    (tmp_path / "node_modules").symlink_to(available(find_node_openai))
    program = tmp_path / "example.mjs"
    code = EXAMPLES["javascript"][title].replace(PROXY, examples_url).replace(HELICONE, fake_provider.url)
    program.write_text(code)
    printed = await run(find_node(), program)
    calls, check = NODE[title]
    spans = await recorded.all(calls)
    assert printed.splitlines()[-1] == said(spans)[-1]
    check(spans)
    asked = json.loads(fake_provider.requests[-1].body)
    assert "headers" not in asked


async def test_curl(examples_url: str, recorded: Recorded) -> None:
    answer = json.loads(await run("sh", "-c", EXAMPLES["sh"]["curl"].replace(PROXY, examples_url)))
    span = await recorded.one()
    assert answer["choices"][0]["message"]["content"] == said([span])[0]
    assert span.session_id == "session-abc"


async def test_the_environment_of_any_program(examples_url: str, recorded: Recorded) -> None:
    export = EXAMPLES["sh"]["Any program that takes OPENAI_BASE_URL"].replace(PROXY, examples_url)
    program = "import openai; print(openai.OpenAI().models.list().data[0].id)"
    assert await run("sh", "-c", f'{export}"$0" -c "$1"', sys.executable, program)
    assert (await recorded.one()).http_status == 200


async def test_settings_for_every_call(
    fake_provider: FakeProvider, log_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = EXAMPLES["ini"]["Through another gateway, for every call"].replace(HELICONE, fake_provider.url)
    for assignment in shlex.split(lines):
        monkeypatch.setenv(*assignment.split("=", 1))
    monkeypatch.setenv("LLMFLOW_BUS_URL", log_url)
    with BackgroundServer(create_app(load_settings(ProxySettings))) as server:
        async with httpx.AsyncClient(base_url=server.url, trust_env=False) as client:
            assert (await client.get("/v1/models", headers={"authorization": "Bearer sk"})).status_code == 200
    assert fake_provider.requests[-1].header("helicone-auth") == "Bearer sk-helicone-xxx"


async def test_php(examples_url: str, recorded: Recorded) -> None:
    """Not PHP itself: the requests that the example's library makes of it."""
    code = EXAMPLES["php"]["OpenAI, PHP"].replace(PROXY, examples_url)
    (base,) = re.findall(r"withBaseUri\('(.+?)'\)", code)
    (header,) = re.findall(r"withHttpHeader\('(.+?)', '(.+?)'\)", code)
    models, questions = re.findall(r"'model' => '(.+?)'", code), re.findall(r"'content' => '(.+?)'", code)
    whole, streamed = (
        {"model": model, "messages": [{"role": "user", "content": question}]}
        for model, question in zip(models, questions, strict=True)
    )
    headers = dict([header]) | {"User-Agent": "GuzzleHttp/7", "Authorization": f"Bearer {KEYS['OPENAI_API_KEY']}"}
    async with httpx.AsyncClient(base_url=base, headers=headers, trust_env=False) as client:
        answer = await client.post("chat/completions", json={**whole, "temperature": 0.3, "max_tokens": 200})
        stream = await client.post("chat/completions", json={**streamed, "stream": True})
    assert stream.text.endswith("data: [DONE]\n\n")
    spans = await recorded.all(2)
    assert said(spans) == [answer.json()["choices"][0]["message"]["content"], f"You said: {questions[1]}"]
    assert [(span.model, span.user_id) for span in spans] == [(model, "user-123") for model in models]

"""What the writer reads: requests of agent traces with GenAI attributes, made from a seed.

A trace has four to fourteen spans (an agent, and in turns calls of a model and of tools or a retriever), of an
application, a user and a model that are drawn by Zipf's law. Each span's attributes take about 1.2 KB as JSON.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

import orjson
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from llmflow_core.otlp import key_value_fields
from llmflow_core.spans import JSON

_ATTRIBUTE_BYTES = 1200
_TRACES_A_REQUEST = (10, 40)
_TURNS = (2, 7)
_USERS = 5_000
_MODELS = (
    ("openai", "gpt-4o-mini", "gpt-4o-mini-2024-07-18"),
    ("openai", "gpt-4o", "gpt-4o-2024-08-06"),
    ("anthropic", "claude-sonnet-4-0", "claude-sonnet-4-20250514"),
    ("gcp.gemini", "gemini-2.0-flash", "gemini-2.0-flash-001"),
    ("mistral_ai", "mistral-large-latest", "mistral-large-2411"),
    ("openai", "gpt-4.1-nano", "gpt-4.1-nano-2025-04-14"),
)
_SERVICES = ("assistant", "support-bot", "search", "code-review", "summaries")
_TOOLS = ("get_weather", "search_orders", "run_query", "send_mail", "read_file", "calculator")
_WORDS = (
    *("the", "order", "was", "sent", "on", "Monday", "and", "a", "customer", "asks", "where", "it", "is", "now"),
    *(
        "please",
        "look",
        "into",
        "warehouse",
        "tables",
        "and",
        "say",
        "which",
        "parcel",
        "has",
        "left",
        "before",
        "noon",
    ),
)
_DETAIL_BYTES = 90

T = TypeVar("T")


def _text(rng: random.Random, length: int) -> str:
    words = rng.choices(_WORDS, k=length // 2)
    return " ".join(words)[:length]


#: Values of the attributes that applications add.
_DETAILS = tuple(_text(random.Random(number), _DETAIL_BYTES - len('"app.detail.0":"",')) for number in range(2_000))


@dataclass(frozen=True)
class Request:
    """A serialized request and how many spans it has."""

    body: bytes
    spans: int


def requests(*, spans: int, content: bool, seed: int, end_ns: int) -> Iterator[Request]:
    """Requests of some 100 to 350 spans, at least `spans` in all, that began within the ten minutes before `end_ns`.

    With `content`, one span in five has 4 KB of it.
    """
    rng = random.Random(seed)
    made = 0
    while made < spans:
        start_ns = end_ns - 600_000_000_000 + 600_000_000_000 * made // spans
        body, count = _request(rng, start_ns, content)
        made += count
        yield Request(body, count)


def _request(rng: random.Random, start_ns: int, content: bool) -> tuple[bytes, int]:
    groups = []
    traces = rng.randint(*_TRACES_A_REQUEST)
    count = 0
    while traces > 0:
        of_service = min(traces, rng.randint(5, 20))
        traces -= of_service
        spans = [
            span for _ in range(of_service) for span in _trace(rng, start_ns + rng.randrange(5_000_000_000), content)
        ]
        count += len(spans)
        groups.append(
            {
                "resource": {"attributes": key_value_fields(_resource(rng))},
                "scope_spans": [
                    {"scope": {"name": "opentelemetry.instrumentation.openai_v2", "version": "2.1b0"}, "spans": spans}
                ],
            }
        )
    return ExportTraceServiceRequest(resource_spans=groups).SerializeToString(), count  # type: ignore[arg-type]


def _resource(rng: random.Random) -> dict[str, JSON]:
    return {
        "service.name": _drawn(rng, _SERVICES),
        "service.version": rng.choice(("1.4.1", "1.4.2")),
        "service.instance.id": f"assistant-7c9d-{rng.randrange(12)}",
        "deployment.environment.name": rng.choice(("production", "production", "staging")),
        "telemetry.sdk.language": "python",
        "telemetry.sdk.name": "opentelemetry",
        "telemetry.sdk.version": "1.38.0",
    }


def _trace(rng: random.Random, start_ns: int, content: bool) -> Iterator[dict[str, object]]:
    provider, model, answered = _drawn(rng, _MODELS)
    common = {
        "user.id": f"user-{int(rng.paretovariate(0.6)) % _USERS}",
        "gen_ai.conversation.id": rng.randbytes(16).hex(),
        "gen_ai.agent.name": "support",
        "app.tenant": f"tenant-{rng.randrange(40)}",
        "app.feature": rng.choice(("chat", "search", "draft")),
        "app.experiment.arm": rng.choice(("control", "b", "c")),
        "thread.id": rng.randrange(1 << 31),
        "thread.name": "asyncio_3",
    }
    trace_id, root = rng.randbytes(16), rng.randbytes(8)
    turns = rng.randint(*_TURNS)
    now = start_ns + 1_000_000
    for turn in range(turns):
        call = {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": provider,
            "gen_ai.request.model": model,
            "gen_ai.response.model": answered,
            "gen_ai.response.id": f"chatcmpl-{rng.randbytes(14).hex()}",
            "gen_ai.response.finish_reasons": ["tool_calls" if turn < turns - 1 else "stop"],
            "gen_ai.request.temperature": 0.7,
            "gen_ai.request.max_tokens": 1024,
            "gen_ai.usage.input_tokens": rng.randrange(200, 6000),
            "gen_ai.usage.output_tokens": rng.randrange(1, 900),
            "gen_ai.usage.cache_read.input_tokens": rng.randrange(200),
            "gen_ai.response.time_to_first_chunk": rng.randrange(200, 3000) / 1000,
            "server.address": f"api.{provider}.com",
            "server.port": 443,
        }
        took = rng.randrange(300_000_000, 4_000_000_000)
        # Nearly half of the spans are such calls: this makes one span in five.
        said = _messages(rng) if content and rng.random() < 0.42 else {}
        yield _span(rng, trace_id, root, f"chat {model}", 3, now, took, {**call, **common}, said)
        now += took
        if turn < turns - 1:
            tool = _drawn(rng, _TOOLS)
            use = {
                "gen_ai.operation.name": "execute_tool",
                "gen_ai.tool.name": tool,
                "gen_ai.tool.type": "function",
                "gen_ai.tool.call.id": f"call_{rng.randbytes(12).hex()}",
                "code.function.name": f"assistant.tools.{tool}",
                "code.file.path": f"/app/assistant/tools/{tool}.py",
                "code.line.number": rng.randrange(400),
            }
            took = rng.randrange(1_000_000, 900_000_000)
            yield _span(rng, trace_id, root, f"execute_tool {tool}", 1, now, took, {**use, **common}, {})
            now += took
    agent = {"gen_ai.operation.name": "invoke_agent", "gen_ai.provider.name": provider, "gen_ai.request.model": model}
    yield _span(rng, trace_id, b"", "invoke_agent support", 1, start_ns, now - start_ns, {**agent, **common}, {})


def _span(
    rng: random.Random,
    trace_id: bytes,
    parent: bytes,
    name: str,
    kind: int,
    start_ns: int,
    duration_ns: int,
    attributes: dict[str, JSON],
    content: dict[str, JSON],
) -> dict[str, object]:
    failed = rng.random() < 0.02
    if failed:
        attributes["error.type"] = "timeout"
    # What applications add of their own, up to the size that every span is to have.
    missing = _ATTRIBUTE_BYTES - len(orjson.dumps(attributes))
    for number in range(missing // _DETAIL_BYTES):
        attributes[f"app.detail.{number}"] = _DETAILS[int(rng.paretovariate(0.5)) % len(_DETAILS)]
    return {
        "trace_id": trace_id,
        "span_id": rng.randbytes(8),
        "parent_span_id": parent,
        "name": name,
        "kind": kind,
        "start_time_unix_nano": start_ns,
        "end_time_unix_nano": start_ns + duration_ns,
        "status": {"code": 2, "message": "timed out"} if failed else {},
        "attributes": key_value_fields({**attributes, **content}),
    }


def _messages(rng: random.Random) -> dict[str, JSON]:
    asked = [
        {"role": role, "parts": [{"type": "text", "content": _text(rng, length)}]}
        for role, length in (("system", 800), ("user", 900), ("assistant", 600), ("user", 700))
    ]
    answer = {"role": "assistant", "parts": [{"type": "text", "content": _text(rng, 700)}], "finish_reason": "stop"}
    return {
        "gen_ai.input.messages": orjson.dumps(asked).decode(),
        "gen_ai.output.messages": orjson.dumps([answer]).decode(),
    }


def _drawn(rng: random.Random, choices: tuple[T, ...]) -> T:
    """One of `choices`, the n-th n times as seldom as the first."""
    return rng.choices(choices, [1 / (n + 1) for n in range(len(choices))])[0]

"""Calls by OpenAI's SDK through the proxy reach five real backends at once, and each tells of them by its own API."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable
from contextlib import AsyncExitStack
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from google.protobuf.json_format import ParseDict
from openai import AsyncOpenAI, RateLimitError
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from llmflow_bus import open_bus, topics
from llmflow_core.content import conversation
from llmflow_core.otlp import attributes_of, parse_traces, spans_of
from llmflow_core.spans import ObservationType, Span, Status
from llmflow_testkit.jaeger import running_jaeger
from llmflow_testkit.mlflow import running_mlflow
from llmflow_testkit.otlp_requests import traces_of_json
from llmflow_testkit.phoenix import running_phoenix
from llmflow_testkit.polling import eventually
from llmflow_testkit.providers import FakeProvider
from llmflow_testkit.running_collector import running_collector
from llmflow_testkit.stack import Stack
from llmflow_testkit.zipkin import running_zipkin

SERVICE, MODEL, QUESTION = "weather-agent", "gpt-4o-mini", "Is it going to rain?"
PROJECT = "weather"
#: An agent's and those of its five calls.
SPANS = 6
WITHIN = 90
TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather in a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
PHOENIX_SPANS = """
query ($id: ID!) { node(id: $id) { ... on Project { spans(first: 50) { edges { node {
  spanId spanKind statusCode tokenCountPrompt tokenCountCompletion tokenPromptDetails { cacheRead } input { value }
} } } } } }
"""


async def _use_the_proxy(stack: Stack) -> None:
    """An agent, traced by OpenTelemetry, asks a model: whole, streamed, with a tool, with what that said, in vain."""
    provider = TracerProvider(resource=Resource({"service.name": SERVICE}))
    provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(f"{stack.url('ingest')}/v1/traces")))
    attributes = {"gen_ai.operation.name": "invoke_agent"}
    with provider.get_tracer("weather").start_as_current_span("agent run", attributes=attributes):
        headers: dict[str, str] = {}
        TraceContextTextMapPropagator().inject(headers)
        base_url = f"{stack.url('proxy')}/v1"
        async with AsyncOpenAI(base_url=base_url, api_key="sk-test", max_retries=0, default_headers=headers) as client:
            await _ask(client)
    await asyncio.to_thread(provider.shutdown)


async def _ask(client: AsyncOpenAI) -> None:
    chat = client.chat.completions
    asked: Any = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": QUESTION}]
    tools: Any = [TOOL]
    await chat.create(model=MODEL, messages=asked, extra_headers={"x-fake": "cached=8&reasoning=4"})
    options: Any = {"stream": True, "stream_options": {"include_usage": True}}
    assert [chunk async for chunk in await chat.create(model=MODEL, messages=asked, **options)]
    message: Any = (await chat.create(model=MODEL, messages=asked, tools=tools)).choices[0].message
    [call] = message.tool_calls
    said: Any = {"role": "tool", "tool_call_id": call.id, "content": "rain, 11 degrees"}
    await chat.create(model=MODEL, messages=[*asked, message, said], tools=tools)
    with pytest.raises(RateLimitError):
        await chat.create(model=MODEL, messages=asked, extra_headers={"x-fake": "status=429"})


async def _logged(bus_url: str) -> dict[str, Span]:
    """The spans in the log, by id."""
    bus = open_bus(bus_url)
    consumer = await bus.consumer("test", [topics.SPANS], start_at="earliest")
    found: dict[str, Span] = {}

    async def all_there() -> bool:
        for record in (await consumer.poll(max_records=100, timeout=0.2)).records:
            found.update(_by_id(spans_of(parse_traces(record.value))))
        return len(found) == SPANS

    await eventually(all_there, within=30)
    await consumer.close()
    await bus.close()
    return found


def _by_id(spans: Iterable[Span]) -> dict[str, Span]:
    return {span.span_id.hex(): span for span in spans}


async def _all_shown(url: str, read: Callable[[Any], Any]) -> Any:
    """What `read` makes of what the URL answers, once that is of every span."""
    async with httpx.AsyncClient(trust_env=False, timeout=60) as client:

        async def shown() -> Any:
            answer = await client.get(url)
            assert answer.is_success, answer.text
            found = read(answer.json())
            assert len(found) == SPANS, found
            return found

        return await eventually(shown, within=WITHIN, every=0.5)


def _facts(spans: dict[str, Span]) -> dict[str, Any]:
    """What must be the same in every backend that keeps all of OTLP."""
    return {
        key: {
            "key": span.key,
            "parent": span.parent_span_id,
            "name": span.name,
            "duration": span.duration_ns,
            "status": (span.status, span.status_message),
            "kind": (span.kind, span.observation_type),
            "service": span.service,
            "model": (span.provider, span.model, span.response_model),
            "tokens": (span.input_tokens, span.output_tokens, span.cache_read_tokens, span.reasoning_tokens),
            "said": conversation(span),
        }
        for key, span in spans.items()
    }


def _said(spans: dict[str, Span]) -> dict[str, Any]:
    return {key: (conversation(span).input, conversation(span).output) for key, span in spans.items()}


async def _check_jaeger(url: str, log: dict[str, Span]) -> None:
    """Its API of OTLP keeps everything, to the nanosecond."""
    [trace_id] = {span.trace_id.hex() for span in log.values()}
    shown = await _all_shown(
        f"{url}/api/v3/traces/{trace_id}",
        lambda answer: _by_id(spans_of(traces_of_json(json.dumps(answer["result"]).encode()))),
    )
    assert _facts(shown) == _facts(log)


async def _check_collector(file: Path, log: dict[str, Span]) -> None:
    """It wrote down everything."""

    async def written() -> dict[str, Span]:
        lines = await asyncio.to_thread(file.read_bytes)
        found = _by_id(span for line in lines.splitlines() for span in spans_of(traces_of_json(line)))
        return found if len(found) == SPANS else {}

    assert _facts(await eventually(written, within=WITHIN)) == _facts(log)


async def _check_zipkin(url: str, log: dict[str, Span]) -> None:
    """Times in microseconds, everything else in tags, which are text."""
    [trace_id] = {span.trace_id.hex() for span in log.values()}
    shown = await _all_shown(f"{url}/api/v2/trace/{trace_id}", lambda answer: {entry["id"]: entry for entry in answer})
    for key, span in log.items():
        entry, tags = shown[key], shown[key]["tags"]
        assert entry.get("parentId") == (span.parent_span_id.hex() if span.parent_span_id else None)
        assert entry["timestamp"] == span.start_time_ns // 1000
        assert entry["duration"] == span.duration_ns // 1000
        assert entry["localEndpoint"]["serviceName"] == span.service
        assert tags.get("error") == (span.status_message if span.status == Status.ERROR else None)
        assert tags.get("gen_ai.usage.input_tokens") == (str(span.input_tokens) if span.input_tokens else None)
        for name, value in span.content.items():
            assert tags[name] == value


async def _check_phoenix(url: str, log: dict[str, Span]) -> None:
    """LLM spans with messages, tools, tokens and cost; times in microseconds."""
    shown = await _all_shown(
        f"{url}/v1/projects/{PROJECT}/spans",
        lambda answer: {entry["context"]["span_id"]: entry for entry in answer["data"]},
    )
    for key, span in log.items():
        entry, attributes = shown[key], shown[key]["attributes"]
        assert entry["context"]["trace_id"] == span.trace_id.hex()
        assert entry["parent_id"] == (span.parent_span_id.hex() if span.parent_span_id else None)
        for name, time_ns in (("start_time", span.start_time_ns), ("end_time", span.end_time_ns)):
            assert abs(datetime.fromisoformat(entry[name]).timestamp() - time_ns / 1e9) < 2e-6
        assert entry["status_code"] == span.status.upper()
        assert entry["status_message"] == span.status_message
        assert entry["span_kind"] == ("LLM" if span.model else "AGENT")
        assert attributes.get("llm.provider") == span.provider
        assert attributes.get("llm.model_name") == (span.response_model or span.model)
        assert attributes.get("llm.token_count.prompt") == span.input_tokens
        assert attributes.get("llm.token_count.completion") == span.output_tokens
        assert attributes.get("llm.token_count.prompt_details.cache_read") == span.cache_read_tokens
        assert ("llm.cost.total" in attributes) == (span.input_tokens is not None)
        assert attributes.get("llm.finish_reason") == (span.finish_reasons[0] if span.finish_reasons else None)
        for side, messages in (("input", conversation(span).input), ("output", conversation(span).output)):
            for number, message in enumerate(messages):
                place = f"llm.{side}_messages.{number}.message"
                assert attributes[f"{place}.role"] == message.role
                [part] = message.parts
                if part.type == "tool_call":
                    called = f"{place}.tool_calls.0.tool_call"
                    assert attributes[f"{called}.id"] == part.id
                    assert attributes[f"{called}.function.name"] == part.name == "get_weather"
                    assert json.loads(attributes[f"{called}.function.arguments"]) == part.arguments
                else:
                    assert attributes[f"{place}.content"] == (part.text or part.result)
                    assert attributes.get(f"{place}.tool_call_id") == part.id
        offered = attributes.get("llm.tools.0.tool.json_schema", "")
        assert ("get_weather" in offered) == bool(conversation(span).tools)
    await _check_phoenix_counts(url, log)


async def _check_phoenix_counts(url: str, log: dict[str, Span]) -> None:
    """What its pages are made of, by GraphQL, which has the columns that Phoenix itself reads from the attributes."""
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=60) as client:
        project = (await client.get(f"/v1/projects/{PROJECT}")).raise_for_status().json()["data"]["id"]
        query = {"query": PHOENIX_SPANS, "variables": {"id": project}}
        answer = (await client.post("/graphql", json=query)).raise_for_status().json()
    nodes = [edge["node"] for edge in answer["data"]["node"]["spans"]["edges"]]
    assert {node["spanId"] for node in nodes} == set(log)
    for node in nodes:
        span = log[node["spanId"]]
        assert node["spanKind"] == ("llm" if span.model else "agent")
        assert node["statusCode"] == span.status.upper()
        counted = (node["tokenCountPrompt"], node["tokenCountCompletion"], node["tokenPromptDetails"]["cacheRead"])
        known = (span.input_tokens, span.output_tokens, span.cache_read_tokens)
        # Where no tokens are known, some of its columns say none and some nothing.
        assert [count or 0 for count in counted] == [count or 0 for count in known]
        assert (QUESTION in node["input"]["value"]) if span.model else (node["input"] is None)


async def _check_mlflow(url: str, log: dict[str, Span]) -> None:
    """It keeps the spans to the nanosecond, reads kind, model, tokens and messages from them, and sums the trace up.
    Resource attributes it does without."""
    [trace_id] = {span.trace_id.hex() for span in log.values()}
    entries = await _all_shown(
        f"{url}/api/3.0/mlflow/traces/get?trace_id=tr-{trace_id}", lambda answer: answer["trace"]["spans"]
    )
    request = ExportTraceServiceRequest.FromString(
        ParseDict({"resource_spans": [{"scope_spans": [{"spans": entries}]}]}, TracesData()).SerializeToString()
    )
    spans = request.resource_spans[0].scope_spans[0].spans
    for message in spans:
        span, attributes = log[message.span_id.hex()], attributes_of(message.attributes)
        assert message.trace_id == span.trace_id
        assert message.parent_span_id == (span.parent_span_id or b"")
        assert (message.start_time_unix_nano, message.end_time_unix_nano) == (span.start_time_ns, span.end_time_ns)
        assert message.status.message == span.status_message
        assert (message.status.code == message.status.STATUS_CODE_ERROR) == (span.status == Status.ERROR)
        assert attributes["mlflow.spanType"] == ("CHAT_MODEL" if span.model else "AGENT")
        assert attributes.get("mlflow.llm.model") == (span.response_model or span.model)
        assert attributes.get("mlflow.llm.provider") == span.provider
        usage = attributes.get("mlflow.chat.tokenUsage", {})
        assert (usage.get("input_tokens"), usage.get("output_tokens")) == (span.input_tokens, span.output_tokens)
        assert usage.get("cache_read_input_tokens") == span.cache_read_tokens
        assert ("mlflow.chat.tools" in attributes) == bool(conversation(span).tools)
    assert _said(_by_id(spans_of(request))) == _said(log)
    await _check_mlflow_search(url, trace_id, log)


async def _check_mlflow_search(url: str, trace_id: str, log: dict[str, Span]) -> None:
    where = {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": "0"}}
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=60) as client:
        answer = await client.post("/api/3.0/mlflow/traces/search", json={"locations": [where], "max_results": 10})
    [trace] = answer.raise_for_status().json()["traces"]
    assert trace["trace_id"] == f"tr-{trace_id}"
    usage = json.loads(trace["trace_metadata"]["mlflow.trace.tokenUsage"])
    assert usage["input_tokens"] == sum(span.input_tokens or 0 for span in log.values())
    assert usage["output_tokens"] == sum(span.output_tokens or 0 for span in log.values())


@pytest.mark.timeout(3600)  # Jaeger, Phoenix and MLflow are built or fetched when they are first needed
async def test_five_backends_tell_of_the_same_calls(
    tmp_path: Path, embedded_database_url: str, fake_provider: FakeProvider
) -> None:
    written = tmp_path / "collector.jsonl"
    async with AsyncExitStack() as stack:
        jaeger, zipkin, collector, phoenix, mlflow = await asyncio.gather(
            stack.enter_async_context(running_jaeger(tmp_path)),
            stack.enter_async_context(running_zipkin(tmp_path)),
            stack.enter_async_context(
                running_collector(tmp_path, {"file": {"path": str(written), "flush_interval": "50ms"}})
            ),
            stack.enter_async_context(running_phoenix(tmp_path)),
            stack.enter_async_context(running_mlflow(tmp_path)),
        )
        destinations: list[dict[str, Any]] = [
            {"preset": "jaeger", "endpoint": jaeger.grpc, "protocol": "otlp-grpc"},
            {"preset": "zipkin", "endpoint": zipkin},
            {"preset": "collector", "endpoint": collector["file"]},
            {"preset": "phoenix", "endpoint": phoenix, "options": {"project": PROJECT}},
            {"preset": "mlflow", "endpoint": mlflow},
        ]
        file = tmp_path / "destinations.yaml"
        for destination in destinations:
            destination["name"] = destination["preset"]
        file.write_text(yaml.safe_dump({"destinations": destinations}))
        bus_url = f"embedded://{tmp_path}/log"
        llmflow = stack.enter_context(
            Stack(
                tmp_path,
                bus_url=bus_url,
                database_url=embedded_database_url,
                services=("proxy", "ingest", "exporter"),
                environment={"OPENAI_BASE_URL": f"{fake_provider.url}/v1", "LLMFLOW_EXPORT_FILE": str(file)},
            )
        )
        await _use_the_proxy(llmflow)
        log = await _logged(bus_url)
        assert sorted(span.status for span in log.values()) == [Status.ERROR, *[Status.UNSET] * (SPANS - 1)]
        assert sorted(span.observation_type for span in log.values()) == [
            ObservationType.AGENT,
            *[ObservationType.GENERATION] * (SPANS - 1),
        ]
        [agent] = [key for key, span in log.items() if span.parent_span_id is None]
        assert {span.parent_span_id.hex() for span in log.values() if span.parent_span_id} == {agent}
        await asyncio.gather(
            _check_jaeger(jaeger.api, log),
            _check_zipkin(zipkin, log),
            _check_collector(written, log),
            _check_phoenix(phoenix, log),
            _check_mlflow(mlflow, log),
        )

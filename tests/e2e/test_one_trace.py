"""A real SDK's call travels the whole road: proxy, log, writer, database, query API, page."""

from __future__ import annotations

import asyncio
import time
import uuid
from pathlib import Path
from typing import Any

import httpx
import pytest
from anthropic import AsyncAnthropic
from openai import AsyncOpenAI
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
from playwright.async_api import Page, expect

from llmflow_testkit.polling import eventually
from llmflow_testkit.running_collector import running_collector
from llmflow_testkit.stack import PASSWORD, USERNAME, Stack

VISIBLE_WITHIN_SECONDS = 2.0


async def trace_of(stack: Stack, trace_id: str) -> dict[str, Any]:
    """The trace with its spans, once the query API lists it."""
    async with stack.api() as api:

        async def listed() -> bool:
            page = (await api.get("/api/v1/traces")).raise_for_status().json()
            return trace_id in {trace["trace_id"] for trace in page["traces"]}

        await eventually(listed, within=30)
        trace: dict[str, Any] = (await api.get(f"/api/v1/traces/{trace_id}")).raise_for_status().json()
        return trace


async def span_of(stack: Stack, trace_id: str, span_id: str) -> dict[str, Any]:
    async with stack.api() as api:
        span: dict[str, Any] = (await api.get(f"/api/v1/traces/{trace_id}/spans/{span_id}")).raise_for_status().json()
        return span


def said(messages: list[dict[str, Any]], role: str) -> str:
    return "".join(part["text"] or "" for message in messages if message["role"] == role for part in message["parts"])


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_an_openai_call_is_seen(stack: Stack, stream: bool) -> None:
    trace_id = uuid.uuid4()
    async with AsyncOpenAI(base_url=f"{stack.url('proxy')}/v1", api_key="sk-test", max_retries=0) as client:
        arguments: dict[str, Any] = {
            "model": "gpt-4o-mini",
            "messages": [{"role": "user", "content": f"Say hello to {trace_id}"}],
            "extra_headers": {"X-Trace-Id": str(trace_id), "X-Trace-User-Id": "ada"},
        }
        if stream:
            chunks = await client.chat.completions.create(
                **arguments, stream=True, stream_options={"include_usage": True}
            )
            pieces = [chunk async for chunk in chunks]
            answer = "".join(piece.choices[0].delta.content or "" for piece in pieces if piece.choices)
            usage = pieces[-1].usage
        else:
            completion = await client.chat.completions.create(**arguments)
            answer, usage = completion.choices[0].message.content or "", completion.usage
    assert answer
    assert usage is not None

    trace = await trace_of(stack, trace_id.hex)

    assert trace["trace"]["user_id"] == "ada"
    assert trace["trace"]["models"]
    assert float(trace["trace"]["cost"]) > 0
    (span,) = trace["spans"]
    assert span["observation_type"] == "generation"
    assert (span["provider"], span["model"]) == ("openai", "gpt-4o-mini")
    assert (span["input_tokens"], span["output_tokens"]) == (usage.prompt_tokens, usage.completion_tokens)
    assert (span["time_to_first_token_ns"] is not None) == stream
    conversation = (await span_of(stack, trace_id.hex, span["span_id"]))["conversation"]
    assert said(conversation["input"], "user") == f"Say hello to {trace_id}"
    assert said(conversation["output"], "assistant") == answer


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_an_anthropic_call_is_seen(stack: Stack, stream: bool) -> None:
    trace_id = uuid.uuid4()
    headers = {"X-Trace-Id": str(trace_id)}
    async with AsyncAnthropic(base_url=stack.url("proxy"), api_key="sk-ant-test", max_retries=0) as client:
        arguments: dict[str, Any] = {
            "model": "claude-haiku-4-5",
            "max_tokens": 200,
            "system": "Be brief.",
            "messages": [{"role": "user", "content": "Say hello"}],
            "extra_headers": headers,
        }
        if stream:
            async with client.messages.stream(**arguments) as events:
                message = await events.get_final_message()
        else:
            message = await client.messages.create(**arguments)

    trace = await trace_of(stack, trace_id.hex)

    (span,) = trace["spans"]
    assert (span["provider"], span["model"]) == ("anthropic", "claude-haiku-4-5")
    assert span["output_tokens"] == message.usage.output_tokens
    conversation = (await span_of(stack, trace_id.hex, span["span_id"]))["conversation"]
    assert said(conversation["input"], "system") == "Be brief."
    assert said(conversation["output"], "assistant") == "".join(b.text for b in message.content if b.type == "text")


async def test_spans_of_an_opentelemetry_sdk_are_seen(stack: Stack) -> None:
    provider = TracerProvider(resource=Resource.create({"service.name": "checkout"}))
    # Both spans in one request, or the child would be seen before its parent.
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(f"{stack.url('ingest')}/v1/traces")))
    tracer = provider.get_tracer("tests")
    with tracer.start_as_current_span("order") as root, tracer.start_as_current_span("charge") as child:
        child.set_attribute("amount", 12.5)
    provider.shutdown()
    trace_id = f"{root.get_span_context().trace_id:032x}"

    trace = await trace_of(stack, trace_id)

    assert (trace["trace"]["name"], trace["trace"]["service"], trace["trace"]["has_root"]) == (
        "order",
        "checkout",
        True,
    )
    spans = {span["name"]: span for span in trace["spans"]}
    assert spans["charge"]["parent_span_id"] == spans["order"]["span_id"]
    detail = await span_of(stack, trace_id, spans["charge"]["span_id"])
    assert detail["attributes"]["amount"] == 12.5


def send_every_signal(endpoint: str, name: str) -> None:
    """A span, a metric and a log record, all of this name."""
    resource = Resource.create({"service.name": "behind-a-collector"})
    spans = TracerProvider(resource=resource, shutdown_on_exit=False)
    spans.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(f"{endpoint}/v1/traces")))
    reader = PeriodicExportingMetricReader(OTLPMetricExporter(f"{endpoint}/v1/metrics"), 60_000)
    metrics = MeterProvider([reader], resource=resource, shutdown_on_exit=False)
    logs = LoggerProvider(resource, shutdown_on_exit=False)
    logs.add_log_record_processor(SimpleLogRecordProcessor(OTLPLogExporter(f"{endpoint}/v1/logs")))
    with spans.get_tracer("test").start_as_current_span(name) as span:
        span.set_attribute("gen_ai.request.model", "gpt-4o")
        metrics.get_meter("test").create_counter(name).add(7)
        logs.get_logger("test").emit(body=name)
    for provider in (spans, metrics, logs):
        provider.shutdown()


@pytest.mark.timeout(1800)  # the Collector is built when it is first needed
async def test_every_road_of_a_collector_is_seen(stack: Stack, tmp_path: Path) -> None:
    exporters: dict[str, dict[str, Any]] = {
        "otlp_grpc": {"endpoint": stack.ingest_grpc, "tls": {"insecure": True}},
        "otlp_http": {"endpoint": stack.url("ingest"), "compression": "zstd"},
    }
    if stack.bus_url.startswith("kafka:"):
        # Past the receiver, into the topics and in the encoding that the exporter has by itself.
        exporters["kafka"] = {"brokers": [stack.bus_url.removeprefix("kafka://")]}
    async with running_collector(tmp_path, exporters) as endpoints:
        for name, endpoint in endpoints.items():
            await asyncio.to_thread(send_every_signal, endpoint, name)

    async with stack.api() as api:

        async def all_seen() -> bool:
            traces = (await api.get("/api/v1/traces")).raise_for_status().json()["traces"]
            metrics = (await api.get("/api/v1/metrics/names")).raise_for_status().json()["metrics"]
            logs = (await api.get("/api/v1/logs")).raise_for_status().json()["logs"]
            assert exporters.keys() <= {trace["name"] for trace in traces}
            assert exporters.keys() <= {metric["name"] for metric in metrics}
            assert exporters.keys() <= {log["body"] for log in logs}
            return True

        await eventually(all_seen, within=30)


async def test_an_error_of_the_provider_is_seen(stack: Stack) -> None:
    trace_id = uuid.uuid4()
    async with httpx.AsyncClient(base_url=stack.url("proxy"), trust_env=False) as client:
        answer = await client.post(
            "/v1/chat/completions",
            json={"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}]},
            headers={"X-Trace-Id": str(trace_id)},
        )
    assert answer.status_code == 401

    trace = await trace_of(stack, trace_id.hex)

    assert trace["trace"]["status"] == "error"
    (span,) = trace["spans"]
    assert span["status"] == "error"
    assert span["error_type"]


@pytest.mark.browser
async def test_the_page_shows_list_and_trace(stack: Stack, page: Page) -> None:
    await page.goto(f"{stack.url('query-api')}/traces")
    await page.get_by_label("User name").fill(USERNAME)
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Log in").click()
    await expect(page.get_by_role("heading", name="Traces")).to_be_visible()

    # Other tests may keep the machine busy at one time or another, but hardly each time.
    for _ in range(15):
        question = f"What is {uuid.uuid4()}?"
        async with AsyncOpenAI(base_url=f"{stack.url('proxy')}/v1", api_key="sk-test", max_retries=0) as client:
            completion = await client.chat.completions.create(
                model="gpt-4o", messages=[{"role": "user", "content": question}]
            )
        answered = time.monotonic()
        row = page.get_by_role("row").filter(has_text=question)
        await expect(row).to_be_visible()
        seconds = time.monotonic() - answered
        if seconds < VISIBLE_WITHIN_SECONDS:
            break
    assert seconds < VISIBLE_WITHIN_SECONDS

    await row.click()
    answer = completion.choices[0].message.content
    assert answer
    await expect(page.get_by_role("treegrid", name="Span tree").get_by_text("gpt-4o")).to_be_visible()
    details = page.get_by_role("region", name="Span details")
    await expect(details.get_by_role("list", name="Input messages")).to_contain_text(question)
    await expect(details.get_by_role("list", name="Output messages")).to_contain_text(answer)

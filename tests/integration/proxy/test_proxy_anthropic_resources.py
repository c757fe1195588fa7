"""Anthropic's message batches and token counting by its SDK, unmodified, through a real proxy."""

from __future__ import annotations

from typing import Any

from anthropic import AsyncAnthropic
from anthropic.types.messages import MessageBatchIndividualResponse

from llmflow_testkit.providers.anthropic_api import FILE

from .conftest import Recorded


async def test_batches(proxy_url: str, recorded: Recorded) -> None:
    asked: Any = {"model": "claude-haiku-4-5", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}
    async with AsyncAnthropic(base_url=proxy_url, api_key="sk-ant-canary", max_retries=0) as client:
        batch = await client.messages.batches.create(
            requests=[{"custom_id": "one", "params": asked}, {"custom_id": "two", "params": asked}]
        )
        assert (await client.messages.batches.retrieve(batch.id)).processing_status == "ended"
    created, retrieved = await recorded.all(2)
    assert (created.name, created.provider) == ("POST /v1/messages/batches", "anthropic")
    assert created.attributes["llmflow.resource.requests"] == 2
    assert created.attributes["llmflow.resource.models"] == ["claude-haiku-4-5"]
    assert created.attributes["llmflow.resource.id"] == batch.id
    assert retrieved.name == "GET /v1/messages/batches/{id}"
    assert retrieved.attributes["llmflow.resource.request_counts.errored"] == 1
    assert (retrieved.input_tokens, retrieved.observation_type) == (None, "span")
    assert not any(b"canary" in value for value in recorded.values)


async def test_results_of_a_batch_count_once_however_often_they_are_asked_for(
    proxy_url: str, recorded: Recorded
) -> None:
    async with AsyncAnthropic(base_url=f"{proxy_url}/anthropic", api_key="sk-ant-canary") as client:
        for _ in range(2):
            # `client.messages.batches.results` goes to where the batch says that its results are: past any proxy.
            results = await client.get(
                "/v1/messages/batches/msgbatch_1/results",
                cast_to=str,
                options={"headers": {"accept": "application/binary"}},
            )
            ended = [MessageBatchIndividualResponse.model_validate_json(line) for line in results.splitlines()]
            assert sorted(one.result.type for one in ended) == ["errored", "succeeded"]
    asked, once, _, again = await recorded.all(4)
    assert asked.name == "GET /v1/messages/batches/{id}/results"
    assert asked.attributes["llmflow.resource.request_counts.succeeded"] == 1
    assert asked.attributes["llmflow.resource.request_counts.errored"] == 1
    assert (asked.input_tokens, asked.output_tokens) == (None, None)
    assert (once.trace_id, once.span_id) == (again.trace_id, again.span_id)
    assert (once.name, once.input_tokens, once.output_tokens) == ("chat claude-haiku-4-5-20251001", 1_000, 200)
    assert once.attributes["llmflow.usage.calls"] == 1
    assert not any(b"canary" in value for value in recorded.values)


async def test_counting_tokens_is_no_usage(proxy_url: str, recorded: Recorded) -> None:
    async with AsyncAnthropic(base_url=proxy_url, api_key="sk-ant-canary") as client:
        counted = await client.messages.count_tokens(
            model="claude-haiku-4-5", messages=[{"role": "user", "content": "Why?"}]
        )
    span = await recorded.one()
    assert (span.name, span.observation_type) == ("POST /v1/messages/count_tokens", "span")
    assert span.attributes["llmflow.counted.input_tokens"] == counted.input_tokens
    assert span.input_tokens is None


async def test_files(proxy_url: str, recorded: Recorded) -> None:
    async with AsyncAnthropic(base_url=proxy_url, api_key="sk-ant-canary", max_retries=0) as client:
        sent = await client.beta.files.upload(file=("notes.txt", b"canary content", "text/plain"))
        assert (sent.filename, sent.size_bytes) == ("notes.txt", 14)
        assert [file.id async for file in await client.beta.files.list()] == ["file_1"]
        assert (await client.beta.files.retrieve_metadata("file_1")).downloadable
        assert await (await client.beta.files.download("file_1")).read() == FILE
        assert (await client.beta.files.delete("file_1")).id == "file_1"
    spans = await recorded.all(5)
    assert [(span.name, span.provider) for span in spans] == [
        (name, "anthropic")
        for name in (
            "POST /v1/files",
            "GET /v1/files",
            "GET /v1/files/{id}",
            "GET /v1/files/{id}/content",
            "DELETE /v1/files/{id}",
        )
    ]
    uploaded, listed, _, downloaded, deleted = (span.attributes for span in spans)
    assert (uploaded["llmflow.request.file.name"], uploaded["llmflow.resource.id"]) == ("notes.txt", sent.id)
    assert listed["llmflow.resource.count"] == 1
    assert downloaded["llmflow.response.file.size"] == len(FILE)
    assert deleted["llmflow.resource.type"] == "file_deleted"
    assert not any(b"canary" in value for value in recorded.values)

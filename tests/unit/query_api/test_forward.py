"""OTLP on the page's port: what reaches the receiver, what comes back, and what happens when it is not there."""

from __future__ import annotations

import gzip
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
from litestar import Litestar
from litestar.testing import AsyncTestClient

from llmflow_query_api import forward

Client = AsyncTestClient[Litestar]
MakeClient = Callable[..., Client]
RECEIVER = "http://receiver.local:4318/"


class Receiver(httpx.AsyncBaseTransport):
    """Stands in the receiver's place: keeps each request, answers `answer`."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str, httpx.Headers, bytes]] = []
        self.answer: tuple[int, list[tuple[str, str]], bytes] | Exception = (200, [], b"")

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append((request.method, str(request.url), request.headers, await request.aread()))
        if isinstance(self.answer, Exception):
            raise self.answer
        status, headers, body = self.answer
        return httpx.Response(status, headers=headers, stream=httpx.ByteStream(body))


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Receiver:
    stand_in = Receiver()
    monkeypatch.setattr(forward, "new_client", lambda: httpx.AsyncClient(transport=stand_in))
    return stand_in


@pytest.fixture
async def sender(make_client: MakeClient, receiver: Receiver) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an application that passes OTLP on."""
    transport = httpx.ASGITransport(make_client(ingest_url=RECEIVER).app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://testserver.local") as client:
        yield client


@pytest.mark.parametrize(
    "path",
    [
        "/v1/traces",
        "/v1/metrics",
        "/v1/logs",
        "/otel/v1/traces",
        "/api/public/otel/v1/traces",
        "/api/v1/private/otel/v1/traces",
        "/otel/v1/traces?a=b%20c&a=%2F",
        "/otel/%7Eodd%2Fpath",
    ],
)
async def test_requests_arrive_as_they_were_sent(sender: httpx.AsyncClient, receiver: Receiver, path: str) -> None:
    body = gzip.compress(b"spans" * 1000)
    receiver.answer = (
        429,
        [("content-type", "application/json"), ("retry-after", "7"), ("x-a", "1"), ("x-a", "2")],
        b"{}",
    )
    headers = {
        "Content-Type": "application/x-protobuf",
        "Content-Encoding": "gzip",
        "Authorization": "Basic cGs6c2s=",
        "X-LLMFlow-Project": "shop",
        "Connection": "keep-alive",
    }
    answer = await sender.post(path, content=body, headers=headers)

    ((method, url, received, content),) = receiver.requests
    assert (method, url, content) == ("POST", RECEIVER.rstrip("/") + path, body)
    assert received["host"] == "receiver.local:4318"
    assert received["content-length"] == str(len(body))
    assert "connection" not in received
    for name in ("Content-Type", "Content-Encoding", "Authorization", "X-LLMFlow-Project"):
        assert received[name] == headers[name]
    assert (answer.status_code, answer.json(), answer.headers["retry-after"]) == (429, {}, "7")
    assert answer.headers.get_list("x-a") == ["1", "2"]


async def test_a_compressed_answer_comes_back_as_it_is(sender: httpx.AsyncClient, receiver: Receiver) -> None:
    packed = gzip.compress(b"x" * 5000, mtime=0)
    receiver.answer = (200, [("content-encoding", "gzip")], packed)
    async with sender.stream("POST", "/v1/traces", headers={"Accept-Encoding": "gzip"}) as answer:
        assert answer.headers["content-encoding"] == "gzip"
        assert b"".join([chunk async for chunk in answer.aiter_raw()]) == packed


async def test_a_body_larger_than_the_api_takes_passes(sender: httpx.AsyncClient, receiver: Receiver) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(12):
            yield b"x" * 1_000_000

    assert (await sender.post("/v1/traces", content=chunks())).status_code == 200
    assert len(receiver.requests[0][3]) == 12_000_000


@pytest.mark.parametrize("failure", [httpx.ConnectError("refused"), httpx.ReadTimeout("slow")])
async def test_a_receiver_that_is_away_is_503_so_that_clients_retry(
    sender: httpx.AsyncClient, receiver: Receiver, failure: Exception
) -> None:
    receiver.answer = failure
    answer = await sender.post("/v1/traces", content=b"x")
    assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json")
    assert int(answer.headers["retry-after"]) > 0


async def test_a_client_that_leaves_while_sending_is_no_error(receiver: Receiver) -> None:
    messages: list[dict[str, Any]] = [
        {"type": "http.request", "body": b"half", "more_body": True},
        {"type": "http.disconnect"},
    ]
    sent: list[Any] = []

    async def receive() -> Any:
        return messages.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    scope: Any = {"type": "http", "method": "POST", "raw_path": b"/v1/traces", "query_string": b"", "headers": []}
    async with forward.new_client() as client:
        await forward.forward_app(RECEIVER, client)(scope, receive, send)
    assert sent == []


@pytest.mark.parametrize("path", ["/v1/traces", "/otel/v1/traces", "/api/public/otel/v1/traces"])
async def test_without_a_receiver_there_is_nothing(make_client: MakeClient, path: str) -> None:
    async with make_client() as client:
        assert (await client.post(path)).status_code == 404

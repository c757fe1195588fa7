"""Requests that offer to go on in another protocol than HTTP/1.1, and statuses beyond those that are assigned."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from llmflow_core.http_protocol import LimitedHttpProtocol
from llmflow_testkit.providers import BackgroundServer

OFFER = (
    b"POST /echo?a=b HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
    b"HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n"
)
WEBSOCKET = (
    b"GET /socket HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Answers with the target, the Upgrade header and the body."""
    if scope["type"] != "http":
        return
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    if scope["raw_path"] == b"/in-pieces":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for piece in (b"one ", b"two", b""):
            await send({"type": "http.response.body", "body": piece, "more_body": bool(piece)})
        return
    said = b"%b?%b %b %b" % (
        scope["raw_path"], scope["query_string"], dict(scope["headers"]).get(b"upgrade", b"none"), body
    )  # fmt: skip
    headers = [(b"content-length", str(len(said)).encode())]
    status = 999 if scope["raw_path"] == b"/999" else 200
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": said})


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with BackgroundServer(echo, http=LimitedHttpProtocol) as server:
        yield server.url


async def answers(url: str, pieces: list[bytes], count: int) -> list[bytes]:
    """The bodies of the answers to what is sent, piece by piece."""
    where = httpx.URL(url)
    reader, writer = await asyncio.open_connection(where.host, where.port)
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        found = []
        async with asyncio.timeout(60):
            for _ in range(count):
                head = await reader.readuntil(b"\r\n\r\n")
                assert head.startswith(b"HTTP/1.1 200")
                [length] = [line[15:] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
                found.append(await reader.readexactly(int(length)))
        return found
    finally:
        writer.close()


@pytest.mark.parametrize(
    "body",
    [b"Content-Length: 5\r\n\r\nhello", b"Transfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n"],
    ids=["sized", "chunked"],
)
async def test_a_body_behind_an_offer_is_not_lost(url: str, body: bytes) -> None:
    whole = OFFER + body
    expected = b"/echo?a=b h2c hello"
    assert await answers(url, [whole, whole], 2) == [expected] * 2
    assert await answers(url, [whole + whole], 2) == [expected] * 2
    assert await answers(url, [bytes([byte]) for byte in whole], 1) == [expected]


async def test_an_offer_of_websockets_is_a_request_like_others(url: str) -> None:
    assert await answers(url, [WEBSOCKET + OFFER + b"Content-Length: 2\r\n\r\nhi"], 2) == [
        b"/socket? websocket ",
        b"/echo?a=b h2c hi",
    ]


@pytest.mark.parametrize(
    ("request_", "end"),
    [
        (b"GET /in-pieces HTTP/1.0\r\n\r\n", b"\r\nconnection: close\r\n\r\none two"),
        (b"GET /in-pieces HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", b"\r\nconnection: close\r\n\r\none two"),
        (b"HEAD /in-pieces HTTP/1.0\r\n\r\n", b"\r\nconnection: close\r\n\r\n"),
        (b"GET /echo HTTP/1.0\r\n\r\n", b"\r\ncontent-length: 12\r\nconnection: close\r\n\r\n/echo? none "),
    ],
    ids=["in pieces", "kept alive", "without a body", "sized"],
)
async def test_clients_of_an_older_version_get_no_chunks(url: str, request_: bytes, end: bytes) -> None:
    where = httpx.URL(url)
    reader, writer = await asyncio.open_connection(where.host, where.port)
    writer.write(request_)
    async with asyncio.timeout(60):
        answer = await reader.read()
    writer.close()
    assert b"transfer-encoding" not in answer
    assert answer.endswith(end)


async def test_any_three_digits_are_a_status(url: str) -> None:
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.get(f"{url}/999")
    assert (answer.status_code, answer.text) == (999, "/999? none ")

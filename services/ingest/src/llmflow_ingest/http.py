"""OTLP/HTTP and Zipkin: the routes, how bodies are read, and how answers and errors are written."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

from google.protobuf.message import Message
from litestar import Request, Response, post
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.exceptions import HTTPException

from llmflow_core.errors import Rejected
from llmflow_ingest import metrics
from llmflow_ingest.access import Access
from llmflow_ingest.bodies import Encoding, decompress
from llmflow_ingest.errors import TooSlow, UnsupportedMedia, failure_of
from llmflow_ingest.limits import Hold, Limits
from llmflow_ingest.receiver import Receiver
from llmflow_ingest.signals import SIGNALS, summary
from llmflow_ingest.zipkin import request_of

#: OTLP's own place, and those of Langfuse and Opik, whose clients then need only another host.
PREFIXES = ("/v1", "/otel/v1", "/api/public/otel/v1", "/api/v1/private/otel/v1")
SIGNAL_AT = {f"{prefix}/{signal.name}": signal for prefix in PREFIXES for signal in SIGNALS}
ZIPKIN_PATH = "/api/v2/spans"

logger = logging.getLogger(__name__)

HttpRequest = Request[Any, Any, State]


@post(list(SIGNAL_AT), status_code=200)
async def export(
    request: HttpRequest,
    receiver: NamedDependency[Receiver],
    access: NamedDependency[Access],
    limits: NamedDependency[Limits],
) -> Response[bytes]:
    """OTLP's Export over HTTP: 200 means that the log holds every item that is not named as rejected."""
    signal = SIGNAL_AT[request.scope["path"].rstrip("/")]
    encoding = Encoding.of(request.headers.get("content-type"))
    project = await access.project(request.headers)
    with limits.in_flight.request() as hold:
        answer = await receiver.export(signal, await _body(request, limits, hold), encoding, project)
    return _answer(200, encoding, answer)


@post(ZIPKIN_PATH, status_code=202)
async def export_zipkin(
    request: HttpRequest,
    receiver: NamedDependency[Receiver],
    access: NamedDependency[Access],
    limits: NamedDependency[Limits],
) -> Response[bytes]:
    """Zipkin's v2 JSON: 202 means that the log holds every span, 400 names those that are wrong and were left out."""
    if Encoding.of(request.headers.get("content-type")) is not Encoding.JSON:
        raise UnsupportedMedia("Zipkin's spans are read in JSON only", field="content-type")
    project = await access.project(request.headers)
    with limits.in_flight.request() as hold:
        problems = await receiver.spans(await _body(request, limits, hold), request_of, project)
    if problems:
        raise Rejected(summary(problems))
    metrics.REQUESTS.labels("http", "202").inc()
    return Response(b"", status_code=202)


async def _body(request: HttpRequest, limits: Limits, hold: Hold) -> bytes:
    chunks = []
    try:
        async with asyncio.timeout(limits.body_timeout):
            async for chunk in request.stream():
                hold.add(len(chunk))
                chunks.append(chunk)
    except TimeoutError:
        raise TooSlow(f"the body did not arrive within {limits.body_timeout:g} s") from None
    content_encoding = request.headers.get("content-encoding")
    sent = b"".join(chunks)
    body = decompress(sent, content_encoding, limits.max_body)
    if body is not sent:
        hold.add(len(body))
    metrics.BYTES.labels("http").inc(len(body))
    return body


def error_answer(request: HttpRequest, error: Exception) -> Response[bytes]:
    """Any error as OTLP/HTTP writes it: google.rpc.Status in the request's encoding (JSON when it has none of ours)."""
    failure = failure_of(error)
    if failure.http_status == 500 and not isinstance(error, HTTPException):
        logger.error("%s failed", request.url.path, exc_info=error)
    try:
        encoding = Encoding.of(request.headers.get("content-type"))
    except UnsupportedMedia:
        encoding = Encoding.JSON
    return _answer(failure.http_status, encoding, failure.status(), failure.headers)


def _answer(
    status: int, encoding: Encoding, message: Message, headers: Mapping[str, str] | None = None
) -> Response[bytes]:
    metrics.REQUESTS.labels("http", str(status)).inc()
    return Response(encoding.render(message), status_code=status, media_type=encoding, headers=headers)

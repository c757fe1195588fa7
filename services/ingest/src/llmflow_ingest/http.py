"""OTLP/HTTP: the routes and how answers and errors are written."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from google.protobuf.message import Message
from litestar import Request, Response, post
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.exceptions import HTTPException

from llmflow_core.projects import PROJECT_HEADER, project_named
from llmflow_ingest import metrics
from llmflow_ingest.bodies import Encoding, decompress
from llmflow_ingest.errors import UnsupportedMedia, failure_of
from llmflow_ingest.receiver import Receiver

#: Where traces are taken: OTLP's own path, and those of Langfuse and Opik, whose clients then need only another host.
TRACES_PATHS = ["/v1/traces", "/otel/v1/traces", "/api/public/otel/v1/traces", "/api/v1/private/otel/v1/traces"]

logger = logging.getLogger(__name__)

HttpRequest = Request[Any, Any, State]


@post(TRACES_PATHS, status_code=200)
async def export_traces(
    request: HttpRequest, receiver: NamedDependency[Receiver], max_body: NamedDependency[int]
) -> Response[bytes]:
    """OTLP's ExportTraceService over HTTP: 200 means that the log holds every span that is not named as rejected."""
    encoding = Encoding.of(request.headers.get("content-type"))
    project = project_named(request.headers.get(PROJECT_HEADER))
    body = decompress(await request.body(), request.headers.get("content-encoding"), max_body)
    metrics.BYTES.labels("http").inc(len(body))
    return _answer(200, encoding, await receiver.traces(body, encoding, project))


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

"""Liveness, readiness and metrics for probes and Prometheus: one small ASGI application that every service mounts."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

import orjson
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

Scope = MutableMapping[str, Any]
ASGIApp = Callable[[Scope, Callable[[], Awaitable[Any]], Callable[[Any], Awaitable[None]]], Awaitable[None]]
Check = Callable[[], Awaitable[bool]]

PATHS = frozenset({"/healthz", "/readyz", "/metrics"})


#: What a path says: called for each request, its answer is shown as JSON.
Document = Callable[[], Any]


def health_app(
    checks: Mapping[str, Check],
    documents: Mapping[str, Document] | None = None,
    problems: Mapping[str, Document] | None = None,
) -> ASGIApp:
    """An application that answers GET and HEAD of `PATHS` and of the paths of `documents`, and 404 to all else.

    /healthz is 200 while the process runs. /readyz runs every check (each must return within its own time limit) and is
    503 when one says no; its JSON body names each, and those `problems` that there are now, which make nothing unready.
    /metrics is Prometheus' text format of the default registry.
    """

    async def app(scope: Scope, receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]) -> None:
        document = (documents or {}).get(scope["path"])
        status, media_type, body = (
            await _answer(scope["path"], checks, problems or {}) if document is None else _shown(document())
        )
        headers = [(b"content-type", media_type.encode()), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    return app


def _shown(document: Any) -> tuple[int, str, bytes]:
    return 200, "application/json", orjson.dumps(document)


async def _answer(path: str, checks: Mapping[str, Check], problems: Mapping[str, Document]) -> tuple[int, str, bytes]:
    match path:
        case "/healthz":
            return 200, "application/json", b'{"status":"ok"}'
        case "/readyz":
            results = dict(zip(checks, await asyncio.gather(*(check() for check in checks.values())), strict=True))
            ready = all(results.values())
            document = {"status": "ok" if ready else "unavailable", "checks": results}
            if now := {name: shown for name, problem in problems.items() if (shown := problem())}:
                document["problems"] = now
            return 200 if ready else 503, "application/json", orjson.dumps(document)
        case "/metrics":
            return 200, CONTENT_TYPE_LATEST, generate_latest()
        case _:
            return 404, "application/json", b'{"status":"not found"}'

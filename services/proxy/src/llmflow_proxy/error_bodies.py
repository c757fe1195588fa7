"""Errors in the providers' shapes: the proxy's own (provider away or too slow) to write, theirs to read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from llmflow_proxy.shape import mapping

_OPENAI_CODES = {
    401: "invalid_proxy_key",
    403: "upstream_refused",
    502: "upstream_unreachable",
    504: "upstream_timeout",
}
_ANTHROPIC_TYPES = {401: "authentication_error", 403: "permission_error", 504: "timeout_error"}
_GOOGLE_STATUSES = {401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 504: "DEADLINE_EXCEEDED"}
_AWS_TYPES = {401: "UnrecognizedClientException", 403: "AccessDeniedException", 504: "ModelTimeoutException"}


def stated_error(status: int, answer: Mapping[str, Any], named: str = "") -> tuple[str, str]:
    """Type and message of an error, from the body of an answer (or of a stream's end) in any provider's shape.

    `named` is Amazon's header for the type. An HTTP `status` stands in for a type that is not stated.
    """
    error = answer.get("error")
    details = mapping(error) or (answer if status >= 400 else {})
    code = details.get("code")
    kind = (
        named.partition(":")[0]
        or (code if isinstance(code, str) else None)
        or details.get("status")
        or details.get("type")
        or str(details.get("__type") or "").rpartition("#")[2]
        or code
        or (status if status >= 400 else "_OTHER")
    )
    message = details.get("message") or details.get("Message") or error or details.get("detail") or f"HTTP {status}"
    return str(kind), message if isinstance(message, str) else orjson.dumps(message).decode()


def openai(status: int, message: str) -> bytes:
    """OpenAI and the many that speak like it."""
    kind = "server_error" if status >= 500 else "invalid_request_error"
    code = _OPENAI_CODES.get(status, "proxy_error")
    return orjson.dumps({"error": {"message": message, "type": kind, "param": None, "code": code}})


def anthropic(status: int, message: str) -> bytes:
    """Anthropic."""
    kind = _ANTHROPIC_TYPES.get(status, "api_error")
    return orjson.dumps({"type": "error", "error": {"type": kind, "message": message}})


def google(status: int, message: str) -> bytes:
    """Google's APIs: the JSON of a google.rpc.Status."""
    name = _GOOGLE_STATUSES.get(status, "UNAVAILABLE")
    return orjson.dumps({"error": {"code": status, "message": message, "status": name}})


def aws(status: int, message: str) -> bytes:
    """Amazon's REST-JSON protocol."""
    name = _AWS_TYPES.get(status, "ServiceUnavailableException")
    return orjson.dumps({"__type": name, "message": message})


def mistral(status: int, message: str) -> bytes:
    """Mistral."""
    kind = "service_unavailable" if status >= 500 else "unauthorized" if status == 401 else "forbidden"
    error = {"object": "error", "message": message, "type": kind, "param": None, "code": str(status)}
    return orjson.dumps(error)


def cohere(_status: int, message: str) -> bytes:
    """Cohere."""
    return orjson.dumps({"message": message})


def ollama(_status: int, message: str) -> bytes:
    """Ollama."""
    return orjson.dumps({"error": message})

"""An error of the proxy's own (provider away or too slow), in the shape that the provider's clients parse."""

from __future__ import annotations

import orjson


def openai(status: int, message: str) -> bytes:
    """OpenAI and the many that speak like it."""
    code = "upstream_timeout" if status == 504 else "upstream_unreachable" if status == 502 else "proxy_error"
    return orjson.dumps({"error": {"message": message, "type": "server_error", "param": None, "code": code}})


def anthropic(status: int, message: str) -> bytes:
    """Anthropic."""
    kind = "timeout_error" if status == 504 else "api_error"
    return orjson.dumps({"type": "error", "error": {"type": kind, "message": message}})


def google(status: int, message: str) -> bytes:
    """Google's APIs: the JSON of a google.rpc.Status."""
    name = "DEADLINE_EXCEEDED" if status == 504 else "UNAVAILABLE"
    return orjson.dumps({"error": {"code": status, "message": message, "status": name}})


def aws(status: int, message: str) -> bytes:
    """Amazon's REST-JSON protocol."""
    name = "ModelTimeoutException" if status == 504 else "ServiceUnavailableException"
    return orjson.dumps({"__type": name, "message": message})


def mistral(status: int, message: str) -> bytes:
    """Mistral."""
    error = {"object": "error", "message": message, "type": "service_unavailable", "param": None, "code": str(status)}
    return orjson.dumps(error)


def cohere(_status: int, message: str) -> bytes:
    """Cohere."""
    return orjson.dumps({"message": message})


def ollama(_status: int, message: str) -> bytes:
    """Ollama."""
    return orjson.dumps({"error": message})

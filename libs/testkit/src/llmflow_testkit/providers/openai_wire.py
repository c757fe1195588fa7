"""What every answer of the fake OpenAI has: headers, errors, refusals."""

from __future__ import annotations

import time

from llmflow_testkit.providers.replies import Options, Reply, identity, json_reply

_SNAPSHOTS = {"gpt-4o": "gpt-4o-2024-08-06", "gpt-4o-mini": "gpt-4o-mini-2024-07-18", "gpt-4": "gpt-4-0613"}
SERVER_ERROR = "The server had an error while processing your request. Sorry about that!"


def snapshot(model: str) -> str:
    """The dated model that answers for an alias."""
    return _SNAPSHOTS.get(model, model)


def ok(body: object) -> Reply:
    """A JSON answer with OpenAI's headers."""
    return json_reply(200, headers(), body)


def events(chunks: list[bytes]) -> Reply:
    """A stream of server-sent events with OpenAI's headers."""
    return Reply(200, [("content-type", "text/event-stream; charset=utf-8"), *headers()], chunks, streamed=True)


def missing(parameter: str) -> Reply:
    """400 for a request without a parameter that it needs."""
    message = f"Missing required parameter: '{parameter}'."
    return error(400, message, "invalid_request_error", "missing_required_parameter")


def error(status: int, message: str, kind: str, code: str | None, extra: list[tuple[str, str]] | None = None) -> Reply:
    """An error in OpenAI's shape."""
    body = {"error": {"message": message, "type": kind, "param": None, "code": code}}
    return json_reply(status, headers() + (extra or []), body)


def refusal(options: Options, key: str) -> Reply | None:
    """The error that a call without a key, or one that asks for it, is answered with."""
    if not key:
        message = (
            "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer"
            " auth (i.e. Authorization: Bearer YOUR_KEY)."
        )
        return error(401, message, "invalid_request_error", None)
    if options.status == 401:
        shown = key if options.leak else f"{key[:3]}{'*' * 8}{key[-4:]}"
        message = f"Incorrect API key provided: {shown}. You can find your API key at your account page."
        return error(401, message, "invalid_request_error", "invalid_api_key")
    if options.status == 429:
        message = (
            "Rate limit reached for gpt-4o in organization org-fake on requests per min (RPM): Limit 500, Used 500,"
            " Requested 1. Please try again in 120ms."
        )
        waits = [("retry-after", "1"), ("retry-after-ms", "120")]
        return error(429, message, "requests", "rate_limit_exceeded", waits)
    if options.status >= 500:
        return error(options.status, SERVER_ERROR, "server_error", None)
    return None


def headers() -> list[tuple[str, str]]:
    """Headers of every answer; two cookies, because clients must see both."""
    return [
        ("date", time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime())),
        ("access-control-expose-headers", "X-Request-ID"),
        ("openai-organization", "org-fake"),
        ("openai-processing-ms", "123"),
        ("openai-version", "2020-10-01"),
        ("x-ratelimit-limit-requests", "500"),
        ("x-ratelimit-limit-tokens", "30000"),
        ("x-ratelimit-remaining-requests", "499"),
        ("x-ratelimit-remaining-tokens", "29980"),
        ("x-ratelimit-reset-requests", "120ms"),
        ("x-ratelimit-reset-tokens", "40ms"),
        ("x-request-id", identity("req_")),
        ("strict-transport-security", "max-age=31536000; includeSubDomains; preload"),
        ("cf-cache-status", "DYNAMIC"),
        ("set-cookie", "__cf_bm=one; path=/; HttpOnly; Secure"),
        ("set-cookie", "_cfuvid=two; path=/; HttpOnly; Secure"),
        ("x-content-type-options", "nosniff"),
        ("server", "cloudflare"),
    ]

"""`X-Trace-` headers that a program has put among a call's parameters: `create({..., headers: {"X-Trace-Id": id}})`.

OpenAI's SDK for Node sends them as a member of the JSON body then, and its API refuses a body with that member. This is
the one case in which the proxy changes a body: they are taken out of it and become what the program meant.
"""

from __future__ import annotations

import orjson

_MARK = b'"headers"'
_PREFIX = "x-trace-"
#: Of a long body only the start and the end are looked at: going through 200 KB of prompt would take 0.1 ms.
_EDGE_BYTES = 2048

Headers = list[tuple[bytes, bytes]]


def may_have_headers(body: bytes) -> bool:
    """Whether it is worth while to `lift` the headers out of a body; a quick look."""
    if len(body) <= 2 * _EDGE_BYTES:
        return _MARK in body
    return _MARK in body[:_EDGE_BYTES] or _MARK in body[-_EDGE_BYTES:]


def lift(headers: Headers, body: bytes) -> tuple[Headers, bytes]:
    """The request's headers and body with the `X-Trace-` headers of the body moved to the headers; as they were when
    the body is no JSON object, or has none or others in its member `headers`."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        return headers, body
    given = document.get("headers") if isinstance(document, dict) else None
    if not isinstance(given, dict) or not given:
        return headers, body
    if not all(isinstance(value, str) and name.lower().startswith(_PREFIX) for name, value in given.items()):
        return headers, body
    del document["headers"]
    shorter = orjson.dumps(document)
    moved = [(name.lower().encode(), value.encode("latin-1", "replace")) for name, value in given.items()]
    kept = [
        (name, str(len(shorter)).encode() if name == b"content-length" else value)
        for name, value in headers
        if name not in dict(moved)
    ]
    return kept + moved, shorter

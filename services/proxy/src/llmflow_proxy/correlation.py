"""Which trace an exchange belongs to and what its caller says about it, from the request's headers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

import orjson

from llmflow_core.errors import Rejected
from llmflow_core.ids import new_span_id, new_trace_id, trace_id_from_text
from llmflow_core.projects import PROJECT_HEADER, project_named
from llmflow_core.spans import DEFAULT_PROJECT, JSON

_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(?:-.*)?")
_SPAN_ID = re.compile(r"[0-9a-fA-F]{16}")
_TRACE_PREFIX = "x-trace-"
_HELICONE_PREFIX = "helicone-property-"
_NAMED_PREFIXES = (_TRACE_PREFIX, _HELICONE_PREFIX)
_PORTKEY_METADATA = "x-portkey-metadata"
_OWN_PREFIXES = (b"x-trace-", b"x-llmflow-")
_USER = ("x-trace-user-id", "x-user-id", "helicone-user-id")
_SESSION = ("x-trace-session-id", "x-session-id", "helicone-session-id")
#: `X-Trace-` headers with a meaning of their own; every other one is an attribute.
_KNOWN = {"x-trace-id", "x-trace-parent-id", "x-trace-user-id", "x-trace-session-id"}


@dataclass(slots=True)
class Correlation:
    """`link` is the caller's own span when it belongs to another trace than the one asked for by `X-Trace-Id`."""

    project: str
    service: str | None
    trace_id: bytes
    span_id: bytes
    parent_span_id: bytes = b""
    trace_state: str = ""
    link: tuple[bytes, bytes] | None = None
    user: str | None = None
    session: str | None = None
    attributes: dict[str, JSON] = field(default_factory=dict)


def correlate(headers: Mapping[str, str]) -> Correlation:
    """Read the correlation headers (names in lower case).

    `X-Trace-Id` names the trace; without it `traceparent` (W3C Trace Context) is continued; without either the trace is
    new. `X-Trace-Parent-Id` names the parent span (16 hexadecimal digits; anything else is kept as an attribute).
    `X-Trace-<Some-Name>: v` becomes the attribute `some_name`. So do `Helicone-Property-<Some-Name>` and the members of
    Portkey's `x-portkey-metadata`, of which `_user` or `user_id` gives the user where nothing else does; LiteLLM's
    `x-litellm-tags` become tags. Never raises: what is malformed counts as absent.
    """
    caller = _caller_span(headers.get("traceparent", ""))
    named = headers.get("x-trace-id", "").strip()
    trace_id = trace_id_from_text(named) if named else caller[0] if caller else new_trace_id()
    metadata = _portkey_metadata(headers[_PORTKEY_METADATA]) if _PORTKEY_METADATA in headers else {}
    correlation = Correlation(
        project=_project(headers),
        service=headers.get("x-llmflow-service"),
        trace_id=trace_id,
        span_id=new_span_id(),
        user=_first(headers, _USER) or metadata.get("_user") or metadata.get("user_id"),
        session=_first(headers, _SESSION),
        attributes={
            **metadata,
            **{attribute: value for name, value in headers.items() if (attribute := _attribute(name))},
        },
    )
    if tags := [tag.strip() for tag in headers.get("x-litellm-tags", "").split(",") if tag.strip()]:
        correlation.attributes["llmflow.tags"] = tags
    if caller and caller[0] == trace_id:
        correlation.parent_span_id = caller[1]
        correlation.trace_state = headers.get("tracestate", "")
    elif caller:
        correlation.link = caller
    parent = headers.get("x-trace-parent-id", "")
    if _SPAN_ID.fullmatch(parent) and int(parent, 16):
        correlation.parent_span_id = bytes.fromhex(parent)
    elif parent:
        correlation.attributes["parent_id"] = parent
    requested = headers.get(PROJECT_HEADER, correlation.project)
    if requested != correlation.project:
        correlation.attributes["llmflow.requested_project"] = requested
    return correlation


def is_own_header(name: bytes) -> bool:
    """Whether a request header (in lower case) is meant for LLMFlow and does not travel upstream."""
    return name.startswith(_OWN_PREFIXES)


# Clients send the same few names again and again.
@lru_cache(maxsize=512)
def _attribute(name: str) -> str:
    """The attribute that a header becomes; none, which is empty, for one without that meaning."""
    if not name.startswith(_NAMED_PREFIXES) or name in _KNOWN:
        return ""
    return name.removeprefix(_TRACE_PREFIX).removeprefix(_HELICONE_PREFIX).replace("-", "_")


def _caller_span(traceparent: str) -> tuple[bytes, bytes] | None:
    match = _TRACEPARENT.fullmatch(traceparent.strip())
    if match is None or not int(match[1], 16) or not int(match[2], 16):
        return None
    return bytes.fromhex(match[1]), bytes.fromhex(match[2])


def _first(headers: Mapping[str, str], names: tuple[str, ...]) -> str | None:
    return next((headers[name] for name in names if headers.get(name)), None)


def _portkey_metadata(text: str) -> dict[str, str]:
    try:
        given = orjson.loads(text)
    except orjson.JSONDecodeError:
        return {}
    return {name: value for name, value in given.items() if isinstance(value, str)} if isinstance(given, dict) else {}


def _project(headers: Mapping[str, str]) -> str:
    try:
        return project_named(headers.get(PROJECT_HEADER))
    except Rejected:
        return DEFAULT_PROJECT

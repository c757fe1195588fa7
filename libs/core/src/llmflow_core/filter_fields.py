"""The fields of the filter language: their names, what kind of values they have, and what they mean."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from llmflow_core.spans import ObservationType, SpanKind, Status


class Kind(StrEnum):
    """What a field holds, which says how its values are written."""

    TEXT = "text"
    CHOICE = "choice"
    COUNT = "count"
    NUMBER = "number"
    COST = "cost"
    DURATION = "duration"
    FLAG = "flag"
    ID = "id"
    ANY = "any"


class Field(NamedTuple):
    """One field of the language. A `keyed` one is followed by a dot and a key: `attr.feature`."""

    kind: Kind
    description: str
    choices: tuple[str, ...] = ()
    keyed: bool = False


FIELDS: Mapping[str, Field] = {
    "name": Field(Kind.TEXT, "name of the span, or of the trace"),
    "service": Field(Kind.TEXT, "service.name"),
    "scope": Field(Kind.TEXT, "instrumentation scope"),
    "type": Field(Kind.CHOICE, "what the span did", tuple(ObservationType)),
    "kind": Field(Kind.CHOICE, "OTLP's span kind", tuple(kind.name.lower() for kind in SpanKind)),
    "status": Field(Kind.CHOICE, "OTLP's status", tuple(Status)),
    "error": Field(Kind.TEXT, "error.type"),
    "http": Field(Kind.COUNT, "HTTP status"),
    "provider": Field(Kind.TEXT, "provider of the model"),
    "model": Field(Kind.TEXT, "model that was asked for"),
    "finish": Field(Kind.TEXT, "finish reason"),
    "user": Field(Kind.TEXT, "user id"),
    "session": Field(Kind.TEXT, "session id"),
    "tag": Field(Kind.TEXT, "one of the tags"),
    "environment": Field(Kind.TEXT, "deployment environment"),
    "release": Field(Kind.TEXT, "release, or service.version"),
    "prompt": Field(Kind.TEXT, "name of the managed prompt"),
    "prompt_version": Field(Kind.TEXT, "version of the managed prompt"),
    "tokens": Field(Kind.COUNT, "input and output tokens"),
    "input_tokens": Field(Kind.COUNT, "input tokens, cached ones included"),
    "output_tokens": Field(Kind.COUNT, "output tokens, reasoning included"),
    "cache_read_tokens": Field(Kind.COUNT, "input tokens read from a cache"),
    "cache_write_tokens": Field(Kind.COUNT, "input tokens written to a cache"),
    "reasoning_tokens": Field(Kind.COUNT, "output tokens spent on reasoning"),
    "cost": Field(Kind.COST, "cost in US dollars"),
    "duration": Field(Kind.DURATION, "from start to end"),
    "ttft": Field(Kind.DURATION, "time to the first token"),
    "speed": Field(Kind.NUMBER, "output tokens a second"),
    "root": Field(Kind.FLAG, "has no parent; of a trace: its root has arrived", ("true", "false")),
    "trace": Field(Kind.ID, "trace id, hexadecimal"),
    "span": Field(Kind.ID, "span id, hexadecimal"),
    "parent": Field(Kind.ID, "parent span's id, hexadecimal"),
    "attr": Field(Kind.ANY, "an attribute: attr.KEY", keyed=True),
    "resource": Field(Kind.ANY, "a resource attribute: resource.KEY", keyed=True),
    "score": Field(Kind.ANY, "a score: score.NAME", keyed=True),
}
#: Other names that people use.
ALIASES: Mapping[str, str] = {
    "env": "environment",
    "latency": "duration",
    "user_id": "user",
    "session_id": "session",
    "observation_type": "type",
    "tags": "tag",
    "http_status": "http",
    "error_type": "error",
    "finish_reason": "finish",
    "trace_id": "trace",
    "span_id": "span",
    "time_to_first_token": "ttft",
    "tokens_per_second": "speed",
    "version": "release",
    "attribute": "attr",
}

"""What the recorder needs to know of an API to turn an exchange into messages, usage and parameters."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from pydantic_core import from_json

from llmflow_core.spans import JSON

_DATA = b"data:"
_NEXT_DATA = b"\n\n" + _DATA
#: The events of a longer stream are not all held at a time.
_AT_ONCE_BYTES = 256 << 10
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NS_PER_S = 1_000_000_000
#: A span's times are 64 bits of nanoseconds.
_MOST_SECONDS = (1 << 63) // _NS_PER_S
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
#: What stands behind a backslash in JSON: another one, a pair of surrogates, or half of one.
_ESCAPED = re.compile(
    rb"\\\\|\\u[dD][89abAB][0-9a-fA-F]{2}(\\u[dD][c-fC-F][0-9a-fA-F]{2})?|\\u[dD][c-fC-F][0-9a-fA-F]{2}"
)
_LONG_NUMBER = re.compile(rb"\d{19}")
#: Beyond it no float is.
_FLOATS = 1 << 1023


@dataclass(slots=True)
class Reading:
    """What was read out of one exchange. Messages have the GenAI conventions' shape ({role, parts}); `system` holds
    parts, `tools` flat tool definitions. `attributes` are span attributes; a value of None means there is none. `apart`
    are calls of a model that the exchange tells of beside its own."""

    attributes: dict[str, JSON] = field(default_factory=dict)
    input: list[dict[str, JSON]] = field(default_factory=list)
    output: list[dict[str, JSON]] = field(default_factory=list)
    system: list[JSON] = field(default_factory=list)
    tools: list[JSON] = field(default_factory=list)
    user: str | None = None
    apart: list[Apart] = field(default_factory=list)


@dataclass(slots=True)
class Apart:
    """A call of a model that has a span of its own: one that outlives the request that began it, and may be asked for
    again and again, or one of another model that the provider made while it answered.

    `identity` is the provider's id of it, or says which of those within the answer it is. It began `start_ns` after the
    Unix epoch, None for a call made within the exchange, and ended at `end_ns` where that is known; `reading` is what
    it said and took, None as long as that is not known. A `batch` stands for all calls of one, whose times may both be
    unknown; read from an answer that was not seen whole, it may be but a part.
    """

    identity: str
    start_ns: int | None = None
    end_ns: int | None = None
    reading: Reading | None = None
    batch: bool = False


@dataclass(frozen=True, slots=True)
class Shape:
    """One API. `operation` is its `gen_ai.operation.name`, None where the conventions have no name for what it does.
    `reassemble` makes of a stream's events the body that the same call would have had without streaming, as far as the
    events go; an error inside the stream becomes its `error` member. `methods` are the HTTP methods it is called with,
    none for any. `bulky` says that answers are mostly numbers, of which only the start and the end are read; `streamed`
    that an answer is a stream even as plain JSON, an array whose elements come one by one."""

    operation: str | None
    read_request: Callable[[dict[str, Any], Reading], None]
    read_response: Callable[[dict[str, Any], Reading], None]
    reassemble: Callable[[Iterable[dict[str, Any]]], dict[str, Any]]
    methods: frozenset[str] = frozenset({"POST"})
    bulky: bool = False
    streamed: bool = False

    def has(self, method: str) -> bool:
        """Whether a call with this HTTP method is one of this API."""
        return not self.methods or method in self.methods


def never_streamed(events: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """The `reassemble` of an API without streams: of what a server streams all the same, an error."""
    return next(({"error": event["error"]} for event in events if event.get("error")), {})


def sse_events(body: bytes) -> Iterable[dict[str, Any]]:
    """The JSON objects of a server-sent event stream (WHATWG HTML, 9.2); what is no JSON (`[DONE]`) is passed over."""
    body = body.removeprefix(_BYTE_ORDER_MARK)
    if b"\r" in body:
        body = b"\n".join(body.splitlines())
    events = _at_once(body) if body.startswith(_DATA) and len(body) <= _AT_ONCE_BYTES else None
    return _one_by_one(body) if events is None else events


def _at_once(body: bytes) -> list[dict[str, Any]] | None:
    """The events of a stream of which each is one line of JSON, read as one array, which takes two thirds of the time
    of many; None for any other stream."""
    body = body.rstrip().removesuffix(b"data: [DONE]").rstrip().removeprefix(_DATA)
    try:
        events = orjson.loads(b"[%b]" % body.replace(_NEXT_DATA, b","))
    except orjson.JSONDecodeError:
        return None
    return dicts(events) if len(events) == body.count(_NEXT_DATA) + 1 else None


def _one_by_one(body: bytes) -> Iterator[dict[str, Any]]:
    for block in body.split(b"\n\n"):
        if block.startswith(b"data:") and b"\n" not in block:
            data = block[5:]
        else:
            data = b"\n".join(line[5:] for line in block.split(b"\n") if line.startswith(b"data:"))
        event = json_object(data)
        if event is not None:
            yield event


def json_object(text: bytes) -> dict[str, Any] | None:
    """The JSON object that `text` is; None when it is none."""
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        if not text.lstrip().startswith(b"{"):
            return None
        try:
            found = lenient_json(text)
        except ValueError:
            return None
    return found if isinstance(found, dict) else None


def lenient_json(text: bytes, *, partial: bool = False) -> JSON:
    """JSON as some programs write it: with halves of a character outside the basic plane (a text cut by a program that
    counts in UTF-16), which become U+FFFD, and with NaN and Infinity. A `partial` one may end anywhere.

    Raises ValueError for what is none.
    """
    text = _ESCAPED.sub(lambda match: match[0] if len(match[0]) in (2, 12) else rb"\ufffd", text)
    found = from_json(text, allow_partial="trailing-strings" if partial else False)
    return _storable(found) if _LONG_NUMBER.search(text) else found


def _storable(value: JSON) -> JSON:
    """`value` with whole numbers of more than 64 bits as `orjson` reads them."""
    if isinstance(value, dict):
        return {name: _storable(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_storable(item) for item in value]
    if isinstance(value, int) and not -(2**63) <= value < 2**64:
        return float(value) if abs(value) < _FLOATS else math.inf
    return value


def parsed(text: JSON) -> JSON:
    """JSON text as what it says, anything else as it is: models write tool arguments as text that should be JSON."""
    if not isinstance(text, str):
        return text
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text


def index_of(item: Mapping[str, Any], name: str = "index", otherwise: int = 0) -> int:
    """The place of an item among those of a stream; `otherwise` where it states none."""
    index = item.get(name)
    return index if isinstance(index, int) else otherwise


def whole(count: JSON) -> int:
    """A count that may be missing, or be none."""
    return count if isinstance(count, int) else 0


def dicts(value: JSON) -> list[dict[str, Any]]:
    """The objects in a list that a stranger sent; nothing when it is no list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def unix_ns(seconds: JSON) -> int | None:
    """A Unix time in seconds that a stranger sent, in nanoseconds; None when it is none that a span could have."""
    known = isinstance(seconds, int | float) and 0 < seconds < _MOST_SECONDS
    return int(seconds) * _NS_PER_S if known else None


def rfc3339_ns(text: JSON) -> int | None:
    """A time as RFC 3339 has it that a stranger sent, in nanoseconds since the Unix epoch, cut to whole microseconds;
    None when it is none that a span could have."""
    try:
        seconds, rest = divmod(datetime.fromisoformat(str(text)) - _EPOCH, timedelta(seconds=1))
    except (TypeError, ValueError):
        return None
    return seconds * _NS_PER_S + rest.microseconds * 1000 if 0 < seconds < _MOST_SECONDS else None


def strings(value: JSON) -> list[str]:
    """The texts in a list that a stranger sent; nothing when it is no list."""
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def mapping(value: JSON) -> Mapping[str, Any]:
    """An object that a stranger sent, or an empty one."""
    return value if isinstance(value, dict) else {}

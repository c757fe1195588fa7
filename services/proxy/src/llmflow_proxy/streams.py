"""The events of a streamed answer, whatever its framing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import orjson

from llmflow_proxy import eventstream
from llmflow_proxy.capture import RAW_FACTOR, Capture, decoded
from llmflow_proxy.shape import Shape, dicts, json_object, lenient_json, sse_events

Events = Callable[[bytes, bytes], Iterable[dict[str, Any]]]


def events_of(capture: Capture, framing: Events, encodings: str, limit: int) -> Iterable[dict[str, Any]]:
    """The events of a captured stream; of one longer than its capture those of its head and of its tail.

    `encodings` is its Content-Encoding; `limit` bounds what is decoded, as `decoded` has it.
    """
    head = decoded(capture.head(), encodings, limit * RAW_FACTOR)
    return framing(head, capture.tail() if capture.truncated and not encodings else b"")


def framing_of(media_type: str, shape: Shape | None) -> Events | None:
    """How a media type (with or without parameters) frames its events; None when the answer is no stream."""
    kind = media_type.partition(";")[0].strip().lower()
    if kind == "application/json":
        return _array if shape and shape.streamed else None
    return _FRAMINGS.get(kind)


def _sse(head: bytes, tail: bytes) -> Iterable[dict[str, Any]]:
    if tail:
        head = head.rpartition(b"\n")[0] + b"\n\n" + tail.partition(b"\n")[2]
    return sse_events(head)


def _lines(head: bytes, tail: bytes) -> Iterator[dict[str, Any]]:
    """One JSON object a line; a line that is none is passed over."""
    if tail:
        head = head.rpartition(b"\n")[0] + b"\n" + tail.partition(b"\n")[2]
    for line in head.splitlines():
        event = json_object(line)
        if event is not None:
            yield event


def _array(head: bytes, tail: bytes) -> Iterator[dict[str, Any]]:
    """The elements of a JSON array, of one that breaks off as many as there are; an object alone is one event."""
    for text in (head, b"[" + tail.partition(b"\n,")[2]):
        try:
            found = lenient_json(text, partial=True)
        except ValueError:
            continue
        yield from dicts(found if isinstance(found, list) else [found])


def _amazon(head: bytes, tail: bytes) -> Iterator[dict[str, Any]]:
    """Each message as {event type: payload}; an error as {"error": {type, message}}."""
    for part in (head, tail):
        for headers, payload in eventstream.messages(part):
            yield _amazon_event(headers, payload)


def _amazon_event(headers: Mapping[str, str], payload: bytes) -> dict[str, Any]:
    try:
        content = orjson.loads(payload)
    except orjson.JSONDecodeError:
        content = {}
    if headers.get(":message-type") == "event":
        return {headers.get(":event-type", ""): content}
    kind = headers.get(":exception-type") or headers.get(":error-code")
    said = content.get("message") if isinstance(content, dict) else None
    return {"error": {"type": kind, "message": said or headers.get(":error-message")}}


_FRAMINGS: Mapping[str, Events] = {
    "text/event-stream": _sse,
    "application/x-ndjson": _lines,
    "application/jsonl": _lines,
    "application/x-jsonl": _lines,
    "application/stream+json": _lines,
    "application/vnd.amazon.eventstream": _amazon,
}

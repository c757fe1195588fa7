"""What a body says as one JSON object, whatever its media type; files in it by name, type, size and digest."""

from __future__ import annotations

import hashlib
import json
import re

import orjson
from multipart import (  # type: ignore[import-untyped]
    MultipartError,
    MultipartSegment,
    PushMultipartParser,
    parse_options_header,
)

from llmflow_core.spans import JSON
from llmflow_proxy.capture import RAW_FACTOR, Capture, decoded
from llmflow_proxy.shape import lenient_json

#: Of a long list of numbers only so much of its start is read: enough for the first of the longest vectors there are.
_BULKY_HEAD = 128 << 10
_BULKY_TAIL = 16 << 10
#: What providers write at the end of an answer, behind content that may have been cut off.
_ENDING = re.compile(r'(?<!\\)"(usage|model)"\s*:\s*')
_FILES = ("audio/", "image/", "video/", "application/octet-stream", "application/pdf", "application/zip")
_DECODER = json.JSONDecoder()


def document(capture: Capture, media_type: str, encodings: str, limit: int, *, bulky: bool = False) -> dict[str, JSON]:
    """A body as far as it was captured; empty when there is nothing to read in it.

    A JSON object is itself. A form (RFC 7578) is its fields, several of one name as a list, each file as {name,
    mime_type, size, digest} with a digest only where all of it was captured. Other text is {"text": ...}, anything else
    {"file": {mime_type, size, digest}}. Of a JSON object that was cut, or is `bulky` (long lists of numbers), there is
    what its start says, and the usage and the model that its end names.
    """
    kind, options = parse_options_header(media_type)
    body = decoded(capture.head(), encodings, limit * RAW_FACTOR)
    tail = capture.tail() if capture.truncated and not encodings else b""
    if kind == "multipart/form-data":
        gap = capture.size - len(body) - len(tail) if capture.truncated else 0
        return _form(body, tail, max(0, gap), options.get("boundary", ""))
    if kind.startswith(_FILES) and body:
        return {"file": {"mime_type": kind, **_measured(body, capture, encodings)}}
    if bulky and len(body) > _BULKY_HEAD:
        tail = tail or body[-_BULKY_TAIL:]
        body = body[:_BULKY_HEAD]
    found = _json(body)
    if isinstance(found, dict):
        return ending(tail) | found if tail else found
    if kind.startswith("text/") and body:
        return {"text": body.decode(errors="replace")}
    return {}


def _json(body: bytes) -> JSON:
    """The JSON of a body, of one that was cut as much as there is; None when it is something else."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        pass
    try:
        return lenient_json(body, partial=True)
    except ValueError:
        return None


def ending(tail: bytes) -> dict[str, JSON]:
    """The usage and the model that the end of a JSON answer, or of a stream of them, names last."""
    text = tail.decode(errors="replace")
    found: dict[str, JSON] = {}
    for match in _ENDING.finditer(text):
        try:
            value, _ = _DECODER.raw_decode(text, match.end())
        except ValueError:
            continue
        if isinstance(value, dict if match[1] == "usage" else str):
            found[match[1]] = value
    return found


def _measured(body: bytes, capture: Capture, encodings: str) -> dict[str, JSON]:
    if capture.truncated:
        return {"size": None if encodings else capture.size, "digest": None}
    return {"size": len(body), "digest": f"sha256:{hashlib.sha256(body).hexdigest()}"}


def _form(head: bytes, tail: bytes, gap: int, boundary: str) -> dict[str, JSON]:
    """The parts of a form, of which `gap` bytes between `head` and `tail` are missing. They are taken to be of one
    file, as they are in all but strange forms; the parser reads on behind them as if they had not been there."""
    fields: dict[str, list[_Part]] = {}
    part: _Part | None = None
    try:
        parser = PushMultipartParser(boundary)
        for chunk, missing in ((head, 0), (tail, gap)):
            if part:
                part.skip(missing)
            if not chunk or parser.closed:
                break
            for event in parser.parse(chunk):
                if isinstance(event, MultipartSegment):
                    part = _Part(event)
                    fields.setdefault(str(event.name), []).append(part)
                elif event is None:
                    part = None
                elif part:
                    part.take(bytes(event))
    except MultipartError:
        pass
    values = {name: [part.value() for part in parts] for name, parts in fields.items()}
    return {name: of_name[0] if len(of_name) == 1 else of_name for name, of_name in values.items()}


class _Part:
    """One part of a form: a field's text, or a file's measurements."""

    def __init__(self, segment: MultipartSegment) -> None:
        self._filename = segment.filename
        self._kind = segment.content_type
        self._size = 0
        self._text = b""
        self._digest = hashlib.sha256()
        self._complete = True

    def take(self, content: bytes) -> None:
        self._size += len(content)
        if self._filename is None:
            self._text += content
        else:
            self._digest.update(content)

    def skip(self, count: int) -> None:
        self._size += count
        self._complete = self._complete and not count

    def value(self) -> JSON:
        if self._filename is None:
            return self._text.decode(errors="replace")
        digest = f"sha256:{self._digest.hexdigest()}" if self._complete else None
        return {"name": self._filename, "mime_type": self._kind, "size": self._size, "digest": digest}

"""Bodies of the API as files: CSV, JSON and JSON Lines, written a portion at a time."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncGenerator, AsyncIterable, Iterable, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec
from msgspec import Struct

from llmflow_core.errors import Rejected

#: What a spreadsheet would take for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class Format(StrEnum):
    """How an export is written."""

    CSV = "csv"
    JSON = "json"
    JSONL = "jsonl"

    @property
    def media_type(self) -> str:
        """Its media type."""
        return _MEDIA_TYPES[self]


_MEDIA_TYPES = {
    Format.CSV: "text/csv; charset=utf-8",
    Format.JSON: "application/json",
    Format.JSONL: "application/x-ndjson",
}
#: Of the formats that no JSON schema describes.
TEXT_MEDIA_TYPES = ("text/csv", "application/x-ndjson")
_ACCEPTED = {
    "text/csv": Format.CSV,
    "application/json": Format.JSON,
    "application/x-ndjson": Format.JSONL,
    "application/jsonl": Format.JSONL,
    "application/ndjson": Format.JSONL,
}


def format_of(named: Format | None, accept: str) -> Format:
    """The format that is `named`, else the first one of the Accept header that there is, else JSON Lines."""
    if named is not None:
        return named
    kinds = [part.partition(";")[0].strip().lower() for part in accept.split(",")]
    found = next((_ACCEPTED[kind] for kind in kinds if kind in _ACCEPTED), None)
    if found is None and accept and not any(kind in ("*/*", "application/*", "text/*") for kind in kinds):
        raise Rejected(f"one of {', '.join(_ACCEPTED)}", field="Accept")
    return found or Format.JSONL


async def written(
    file_format: Format, body: type[Struct], portions: AsyncIterable[Sequence[Struct]]
) -> AsyncGenerator[bytes, None]:
    """A file of the bodies, all of them of type `body`. Nothing of it comes before the first of them, or before it is
    known that there is none: until then a failure can still be answered."""
    if file_format is Format.CSV:
        header = _csv([body.__struct_fields__])
        async for portion in portions:
            yield header + _csv([_cell(value) for value in _values(entry)] for entry in portion)
            header = b""
        if header:
            yield header
    elif file_format is Format.JSONL:
        async for portion in portions:
            yield b"".join(msgspec.json.encode(entry) + b"\n" for entry in portion)
    else:
        before = b"[\n"
        async for portion in portions:
            yield before + b",\n".join(map(msgspec.json.encode, portion))
            before = b",\n"
        yield b"\n]\n" if before == b",\n" else b"[]\n"


def _values(entry: Struct) -> Iterable[Any]:
    return (getattr(entry, name) for name in entry.__struct_fields__)


def _cell(value: Any) -> Any:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case str():
            return f"'{value}" if value.startswith(_FORMULA) else value
        case datetime():
            return value.isoformat()
        case int() | float():
            return value
        case _:
            return msgspec.json.encode(value).decode()


def _csv(rows: Iterable[Iterable[Any]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()

"""The index of attributes as PostgreSQL's binary COPY format has it.

asyncpg asks of each number in an array whether it is an array itself, which takes longer than all else that is done
with it here: https://www.postgresql.org/docs/current/sql-copy.html describes the format.
"""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterable, Iterator
from itertools import groupby
from typing import Any

import asyncpg

from llmflow_core.spans import Span
from llmflow_store.connections import POSTGRES_EPOCH_US
from llmflow_store.terms import terms_of

_COLUMNS = ("project", "trace_id", "start_time", "terms")
_HEADER = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
_END = b"\xff\xff"
_COUNT = struct.pack(">h", len(_COLUMNS))
_INT4_OID = 23


def encoded_terms(spans: Iterable[Span]) -> bytes:
    """The rows of the index for spans, which are in the order of their keys: one a trace."""
    return b"".join([_HEADER, *_rows(spans), _END])


async def copy_terms(connection: asyncpg.Connection[Any], encoded: bytes) -> None:
    """Add what `encoded_terms` gave, within the open transaction."""
    source: Any = memoryview(encoded)  # asyncpg takes bytes as the name of a file
    await connection.copy_to_table("trace_terms", source=source, columns=_COLUMNS, format="binary")


def _rows(spans: Iterable[Span]) -> Iterator[bytes]:
    for (project, trace_id), group in groupby(spans, key=lambda span: (span.project, span.trace_id)):
        of_trace = list(group)
        first_us = min([span.start_time_ns for span in of_trace]) // 1000
        yield _COUNT
        for field in (project.encode(), trace_id, _time(first_us), _array(terms_of(of_trace))):
            yield struct.pack(">i", len(field))
            yield field


def _time(microseconds: int) -> bytes:
    return struct.pack(">q", microseconds - POSTGRES_EPOCH_US)


def _array(numbers: Collection[int]) -> bytes:
    """An int4[] of one dimension: how many dimensions, no NULLs, the type, length and lower bound; then each number
    after its size."""
    sized = [4] * (2 * len(numbers))
    sized[1::2] = numbers
    return struct.pack(f">iiIii{len(sized)}i", 1, 0, _INT4_OID, len(numbers), 1, *sized)

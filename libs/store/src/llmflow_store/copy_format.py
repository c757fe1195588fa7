"""Rows as PostgreSQL's binary COPY format has them, encoded column by column.

asyncpg takes rows of Python objects and asks for each value how to write it; a whole column of one type takes a
fraction of the time, and needs no event loop. https://www.postgresql.org/docs/current/sql-copy.html describes the
format; what is in a field is what PostgreSQL's functions `*recv` of the type read.
"""

from __future__ import annotations

import struct
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Sequence
from decimal import Decimal
from typing import Any

import asyncpg

from llmflow_core.memo import memo_of_texts
from llmflow_store.connections import JSONB_VERSION, POSTGRES_EPOCH_US
from llmflow_store.values import USUAL_QUANTUM

Encode = Callable[[Iterable[Any]], list[bytes]]

_HEADER = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
_END = b"\xff\xff"
_NULL = b"\xff\xff\xff\xff"
_CHUNK_BYTES = 1 << 18

_size = struct.Struct(">i").pack
_int2 = struct.Struct(">ih").pack
_int4 = struct.Struct(">ii").pack
_int8 = struct.Struct(">iq").pack
_float8 = struct.Struct(">id").pack
_json_head = struct.Struct(">i1s").pack

_INT4_OID, _TEXT_OID = 23, 25
#: Of an array of one dimension without NULLs: the type and length; its lower bound is 1.
_array_head = struct.Struct(">iiIii").pack
_NO_ARRAY = struct.pack(">iiiI", 12, 0, 0, _TEXT_OID)

#: A numeric has digits of base 10,000, the first of which counts 10,000 to the power of its weight.
_NEGATIVE = 0x4000
_usual_numeric = struct.Struct(">ihhHh4H").pack
_any_numeric = struct.Struct(">ihhHh8H").pack
_MOST_USUAL = 10_000


def _text(value: str | None) -> bytes:
    if value is None:
        return _NULL
    encoded = value.encode()
    return _size(len(encoded)) + encoded


_known_texts = memo_of_texts(_text)


def texts(column: Iterable[str | None]) -> list[bytes]:
    """text, of which most were there before."""
    return list(map(_known_texts.__getitem__, column))


def byteas(column: Iterable[bytes | None]) -> list[bytes]:
    """bytea."""
    return [_NULL if value is None else _size(len(value)) + value for value in column]


def int2s(column: Iterable[int]) -> list[bytes]:
    """smallint."""
    return [_int2(2, value) for value in column]


def int4s(column: Iterable[int | None]) -> list[bytes]:
    """integer."""
    return [_NULL if value is None else _int4(4, value) for value in column]


def int8s(column: Iterable[int | None]) -> list[bytes]:
    """bigint."""
    return [_NULL if value is None else _int8(8, value) for value in column]


def float8s(column: Iterable[float | None]) -> list[bytes]:
    """double precision."""
    return [_NULL if value is None else _float8(8, value) for value in column]


def times(column: Iterable[int]) -> list[bytes]:
    """timestamptz, from microseconds since the Unix epoch."""
    return [_int8(8, value - POSTGRES_EPOCH_US) for value in column]


def jsonbs(column: Iterable[bytes]) -> list[bytes]:
    """jsonb, from encoded JSON."""
    return [_json_head(len(value) + 1, JSONB_VERSION) + value for value in column]


def text_arrays(column: Iterable[Sequence[str]]) -> list[bytes]:
    """text[]."""
    return [_text_array(value) if value else _NO_ARRAY for value in column]


def numerics(column: Iterable[Decimal | None]) -> list[bytes]:
    """numeric, between -10^12 and 10^12 and of at most 20 decimals."""
    return [_NULL if value is None else _numeric(value) for value in column]


def int4_arrays(column: Iterable[Collection[int]]) -> list[bytes]:
    """integer[]."""
    return list(map(_int4_array, column))


def rows_of(columns: Sequence[Iterable[bytes]]) -> list[bytes]:
    """Rows of encoded columns."""
    count = struct.pack(">h", len(columns))
    return [count + b"".join(row) for row in zip(*columns, strict=True)]


async def copy_rows(
    connection: asyncpg.Connection[Any],
    table: str,
    columns: Sequence[str],
    rows: Sequence[bytes],
    *,
    schema: str | None = None,
) -> None:
    """Copy what `rows_of` gave into a table, within the open transaction."""
    await connection.copy_to_table(table, source=_chunks(rows), columns=columns, schema_name=schema, format="binary")


async def _chunks(rows: Sequence[bytes]) -> AsyncIterator[bytes]:
    """Large enough to be few, small enough that what the socket does not take at once is not moved around."""
    chunk, size = [_HEADER], 0
    for row in rows:
        chunk.append(row)
        size += len(row)
        if size >= _CHUNK_BYTES:
            yield b"".join(chunk)
            chunk, size = [], 0
    chunk.append(_END)
    yield b"".join(chunk)


def _text_array(value: Sequence[str]) -> bytes:
    content = b"".join([_array_head(1, 0, _TEXT_OID, len(value), 1), *texts(value)])
    return _size(len(content)) + content


def _int4_array(numbers: Collection[int]) -> bytes:
    # Each number after its size.
    sized = [4] * (2 * len(numbers))
    sized[1::2] = numbers
    head = _array_head(1, 0, _INT4_OID, len(numbers), 1)
    return _size(len(head) + 4 * len(sized)) + head + struct.pack(f">{len(sized)}i", *sized)


def _numeric(value: Decimal) -> bytes:
    if value.same_quantum(USUAL_QUANTUM) and 0 <= value < _MOST_USUAL:
        whole, rest = divmod(int(value.scaleb(12)), 10**12)
        first, rest = divmod(rest, 10**8)
        return _usual_numeric(16, 4, 0, 0, 11, whole, first, *divmod(rest, 10**4))
    digits = f"{int(value.copy_abs().scaleb(20)):032d}"
    sign = _NEGATIVE if value.is_signed() else 0
    decimals = max(0, -int(value.as_tuple().exponent))
    return _any_numeric(24, 8, 2, sign, decimals, *[int(digits[at : at + 4]) for at in range(0, 32, 4)])

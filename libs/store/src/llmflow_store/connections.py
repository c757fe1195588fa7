"""How connections speak: types in both directions, and the database's errors in LLMFlow's terms."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import orjson

from llmflow_core.errors import ConfigError, LLMFlowError, Permanent, Retryable, TookTooLong

#: What PostgreSQL counts time from, in Unix microseconds.
POSTGRES_EPOCH_US = 946_684_800_000_000
JSONB_VERSION = b"\x01"

#: SQLSTATE classes that say that the data is at fault: data exception, integrity violation, program limit exceeded.
_DATA_AT_FAULT = ("22", "23", "54")

#: One host or several, each with its port.
_HOST = r"(?:\[[^\]]*\]|[^\[\]:,]*)(?::\d{1,5})?"
_HOSTS = re.compile(f"{_HOST}(?:,{_HOST})*")


def check_url(database_url: str) -> None:
    """Raises ConfigError for what is no URL of a PostgreSQL, without a word of what may be its password."""
    try:
        parts = urlsplit(database_url)
    except ValueError:
        parts = urlsplit("")
    hosts = parts.netloc.rpartition("@")[2]
    if parts.scheme not in ("postgresql", "postgres") or parts.fragment or not _HOSTS.fullmatch(hosts):
        raise ConfigError(
            [
                "LLMFLOW_DATABASE_URL: not a PostgreSQL URL (for example postgresql://user@host/llmflow); in a user's"
                " name and a password, other characters than letters and digits are written as %2F and the like"
            ]
        )


async def set_codecs(connection: asyncpg.Connection[Any]) -> None:
    """Exchange `timestamptz` as microseconds since the Unix epoch, and `jsonb` as encoded JSON in, objects out."""
    await connection.set_type_codec(
        "timestamptz",
        schema="pg_catalog",
        encoder=lambda microseconds: (microseconds - POSTGRES_EPOCH_US,),
        decoder=lambda value: value[0] + POSTGRES_EPOCH_US,
        format="tuple",
    )
    await connection.set_type_codec(
        "jsonb",
        schema="pg_catalog",
        encoder=lambda encoded: JSONB_VERSION + encoded,
        decoder=lambda value: orjson.loads(value[1:]),
        format="binary",
    )


def translated(error: Exception) -> LLMFlowError | None:
    """The error to raise instead of `error`: None when it is not the database's.

    Permanent only where the data is at fault. All else is Retryable, a missing schema or a wrong password too: it may
    be put right while the caller waits, and nothing is lost by waiting.
    """
    if isinstance(error, asyncpg.QueryCanceledError):
        return TookTooLong(f"the statement was cancelled: {error}")
    if isinstance(error, asyncpg.PostgresError):
        state = error.sqlstate or ""
        what = f"{type(error).__name__} ({state}): {error}"
        return Permanent(what) if state.startswith(_DATA_AT_FAULT) else Retryable(what)
    if isinstance(error, (OSError, TimeoutError, asyncpg.InterfaceError, asyncpg.InternalClientError)):
        return Retryable(f"{type(error).__name__}: {error}")
    return None

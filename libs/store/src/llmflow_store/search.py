"""Finding by text and by attribute without reading every trace: the few traces that an index says may match."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import asyncpg

from llmflow_core.filters import And, Condition, Filter, Operator, Or, Text
from llmflow_store.port import SearchBacklog
from llmflow_store.rows import KEY_COLUMNS
from llmflow_store.terms import terms_for

#: When an index names more traces than this, the newest ones are looked at one by one instead: many of them match.
_MANY = 5000

_BY_WORDS = f"""
SELECT DISTINCT trace_id FROM (
    SELECT trace_id FROM content_words
    WHERE project = $1 AND start_time >= $2 AND words @@ %s_tsquery('simple', $3) LIMIT {_MANY + 1}
) AS found
"""  # noqa: S608
_BY_TERMS = f"""
SELECT DISTINCT trace_id FROM (
    SELECT trace_id FROM trace_terms WHERE project = $1 AND start_time >= $2 AND terms && $3::int[] LIMIT {_MANY + 1}
) AS found
"""  # noqa: S608

_KEYS = ", ".join(KEY_COLUMNS)
_TAKE = f"""
DELETE FROM search_queue WHERE ctid = ANY (ARRAY(SELECT ctid FROM search_queue LIMIT $1 FOR UPDATE SKIP LOCKED))
RETURNING {_KEYS}
"""  # noqa: S608
_INDEX = f"""
INSERT INTO content_words ({_KEYS}, words)
SELECT {_KEYS}, content_words_of(c.content)
FROM unnest($1::text[], $2::bytea[], $3::bytea[], $4::timestamptz[], $5::smallint[]) AS taken ({_KEYS})
JOIN span_content AS c USING ({_KEYS})
WHERE c.start_time BETWEEN $6 AND $7
ON CONFLICT DO NOTHING
"""  # noqa: S608
_BACKLOG = """
SELECT count(*), coalesce(extract(epoch FROM now() - min(queued_at)), 0)::float FROM search_queue
"""


async def candidates(
    connection: asyncpg.Connection[Any], project: str, parsed: Filter, from_time: datetime | None
) -> Sequence[bytes] | None:
    """The ids of all traces, of spans since `from_time`, that may fulfil `parsed`; None when they are too many or
    no index knows."""
    since = round(from_time.timestamp() * 1_000_000) if from_time else 0
    found = await _candidates(connection, project, since, parsed)
    return None if found is None else sorted(found)


async def _candidates(
    connection: asyncpg.Connection[Any], project: str, since: int, parsed: Filter
) -> set[bytes] | None:
    match parsed:
        case Text(text=text, phrase=phrase):
            rows = await connection.fetch(_BY_WORDS % ("phraseto" if phrase else "plainto"), project, since, text)
        case Condition(field="attr" | "resource", operator=Operator.EQ | Operator.EXISTS, key=key, value=value):
            terms = terms_for(parsed.field, key or "", None if value is None else str(value))
            if terms is None:
                return None
            rows = await connection.fetch(_BY_TERMS, project, since, terms)
        case And(items=items):
            sets = [await _candidates(connection, project, since, item) for item in items]
            known = [found for found in sets if found is not None]
            return set.intersection(*known) if known else None
        case Or(items=items):
            alternatives: set[bytes] = set()
            for item in items:
                found = await _candidates(connection, project, since, item)
                if found is None:
                    return None
                alternatives |= found
            return alternatives
        case _:
            return None
    return None if len(rows) > _MANY else {row["trace_id"] for row in rows}


async def index_content(connection: asyncpg.Connection[Any], limit: int) -> int:
    """See `Store.index_content`; within the open transaction."""
    rows = await connection.fetch(_TAKE, limit)
    if rows:
        columns = list(zip(*rows, strict=True))
        await connection.execute(_INDEX, *columns, min(columns[3]), max(columns[3]))
    return len(rows)


async def search_backlog(connection: asyncpg.Connection[Any]) -> SearchBacklog:
    """See `Store.search_backlog`."""
    [row] = await connection.fetch(_BACKLOG)
    return SearchBacklog(*row)

"""Finding by text and by attribute without reading every trace: the few traces that an index says may match."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import asyncpg

from llmflow_core.filters import And, Condition, Filter, Operator, Or, Text
from llmflow_store.filter_sql import Arguments, needs_spans, span_condition, stored_value
from llmflow_store.port import SearchBacklog
from llmflow_store.rollups import WHOLE_MODEL_DIMENSION
from llmflow_store.rows import KEY_COLUMNS
from llmflow_store.span_values import index_tells, read_by_pages
from llmflow_store.terms import terms_for

#: When an index names more traces than this, the newest ones are looked at one by one instead: many of them match.
_MANY = 5000
#: How many rows of an index are read for each of them, where the first name few traces of many spans.
_ROWS_OF_A_TRACE = 10
#: No span starts as late, in microseconds since the Unix epoch.
_FOR_EVER = 1 << 62

_FIRST_OF = """
SELECT trace_id, count(*) FROM (
    SELECT trace_id FROM {found_in}
    WHERE s.project = $1 AND s.start_time >= $2 AND s.start_time < $3 AND {condition} LIMIT {limit}
) AS found GROUP BY trace_id
"""
_WORDS, _TERMS, _SPANS = "content_words AS s", "trace_terms AS s", "spans AS s"
_CALLS_OF_MODEL = f"""
SELECT coalesce(sum(span_count), 0)::bigint FROM rollups_value_day
WHERE project = $1 AND dimension = '{WHOLE_MODEL_DIMENSION}' AND value = $2
"""  # noqa: S608
_BY_MODEL = f"SELECT trace_id FROM traces WHERE project = $1 AND models @> ARRAY[$2::text] LIMIT {_MANY + 1}"  # noqa: S608

# Who indexes shares it, and who removes has it alone: so no words come of content that is just going.
LOCK_WORDS = "SELECT pg_advisory_xact_lock(hashtextextended('llmflow words', 0))"
_SHARE_WORDS = "SELECT pg_advisory_xact_lock_shared(hashtextextended('llmflow words', 0))"

_KEYS = ", ".join(KEY_COLUMNS)
_TAKE = f"""
DELETE FROM search_queue WHERE ctid = ANY (ARRAY(SELECT ctid FROM search_queue LIMIT $1 FOR UPDATE SKIP LOCKED))
RETURNING {_KEYS}
"""  # noqa: S608
_INDEX = f"""
INSERT INTO content_words ({_KEYS}, words)
SELECT {_KEYS}, content_words_of(c.content)
FROM (
    SELECT DISTINCT * FROM unnest($1::text[], $2::bytea[], $3::bytea[], $4::timestamptz[], $5::smallint[])
) AS taken ({_KEYS})
JOIN span_content AS c USING ({_KEYS})
WHERE c.start_time BETWEEN $6 AND $7
ON CONFLICT ({_KEYS}) DO UPDATE SET words = excluded.words
"""  # noqa: S608
_BACKLOG = """
SELECT count(*), coalesce(extract(epoch FROM now() - min(queued_at)), 0)::float FROM search_queue
"""


class Candidates:
    """Which traces of a project may fulfil a filter, asked for one time after an earlier one: what is known of later
    times is not read again.

    With `by_value` also the index of spans' values is asked for what a trace's summary does not tell, which takes long
    for what is neither rare nor common.
    """

    def __init__(self, connection: asyncpg.Connection[Any], project: str, *, by_value: bool = False) -> None:
        self._connection = connection
        self._project = project
        self._by_value = by_value
        #: By what the index was asked for: since when it is known, and what it named; None when that is too much.
        self._known: dict[tuple[str, object], tuple[int, set[bytes] | None]] = {}

    async def since(self, from_time: datetime | None, parsed: Filter) -> Sequence[bytes] | None:
        """The ids of all traces, of spans since `from_time`, that may fulfil `parsed`; None when they are too many or
        no index knows."""
        found = await self._of(parsed, round(from_time.timestamp() * 1_000_000) if from_time else 0)
        return None if found is None else sorted(found)

    async def _of(self, parsed: Filter, since: int) -> set[bytes] | None:
        match parsed:
            case Text(text=text, phrase=phrase):
                return await self._named(_WORDS, "words @@ words_query($4, $5)", (text, phrase), since)
            case Condition(field="attr" | "resource", operator=Operator.EQ | Operator.EXISTS, key=key, value=value):
                terms = terms_for(parsed.field, key or "", None if value is None else str(value))
                return None if terms is None else await self._named(_TERMS, "terms && $4::int[]", (terms,), since)
            case Condition(field="model", operator=Operator.EQ):
                return await self._of_model(str(stored_value(parsed)))
            case And(items=items):
                sets = [await self._of(item, since) for item in items]
                known = [found for found in sets if found is not None]
                return set.intersection(*known) if known else None
            case Or(items=items):
                alternatives: set[bytes] = set()
                for item in items:
                    found = await self._of(item, since)
                    if found is None:
                        return None
                    alternatives |= found
                return alternatives
            case Condition() if self._by_value and needs_spans(parsed) and index_tells(parsed):
                return await self._valued(parsed, since)
            case _:
                return None

    async def _valued(self, condition: Condition, since: int) -> set[bytes] | None:
        arguments = Arguments(self._project, since, _FOR_EVER)
        held = span_condition(condition, arguments)
        async with read_by_pages(self._connection):
            return await self._named(_SPANS, held, tuple(arguments.values[3:]), since)

    async def _named(self, found_in: str, condition: str, values: Sequence[object], since: int) -> set[bytes] | None:
        place = (f"{found_in} WHERE {condition}", str(values))
        until, found = self._known.get(place, (_FOR_EVER, set()))
        if found is not None and since < until:
            new = await self._read(found_in, condition, (since, until, *values))
            found = None if new is None or len(found | new) > _MANY else found | new
            self._known[place] = (since, found)
        return found

    async def _read(self, found_in: str, condition: str, values: Sequence[object]) -> set[bytes] | None:
        for most in (_MANY, _MANY * _ROWS_OF_A_TRACE):
            statement = _FIRST_OF.format(found_in=found_in, condition=condition, limit=most + 1)
            rows = await self._connection.fetch(statement, self._project, *values)
            if sum(row["count"] for row in rows) <= most:
                return {row["trace_id"] for row in rows}
            if len(rows) * _ROWS_OF_A_TRACE > _MANY:
                break
        return None

    async def _of_model(self, model: str) -> set[bytes] | None:
        """Of a model that is hardly used, or not at all: the index of models takes long to name many traces."""
        place = (_BY_MODEL, model)
        if place not in self._known:
            found = None
            if await self._connection.fetchval(_CALLS_OF_MODEL, self._project, model) <= _MANY:
                rows = await self._connection.fetch(_BY_MODEL, self._project, model)
                found = None if len(rows) > _MANY else {row["trace_id"] for row in rows}
            self._known[place] = (0, found)
        return self._known[place][1]


async def index_content(connection: asyncpg.Connection[Any], limit: int) -> int:
    """See `Store.index_content`; within the open transaction."""
    await connection.execute(_SHARE_WORDS)
    rows = await connection.fetch(_TAKE, limit)
    if rows:
        columns = list(zip(*rows, strict=True))
        await connection.execute(_INDEX, *columns, min(columns[3]), max(columns[3]))
    return len(rows)


async def search_backlog(connection: asyncpg.Connection[Any]) -> SearchBacklog:
    """See `Store.search_backlog`."""
    [row] = await connection.fetch(_BACKLOG)
    return SearchBacklog(*row)

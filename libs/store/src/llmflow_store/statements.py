"""What the statements of several tables have in common."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg

from llmflow_store.values import label

# A delete of the whole project takes this lock exclusively.
LOCK_PROJECTS = "SELECT pg_advisory_xact_lock_shared(hashtextextended(name, 0)) FROM unnest($1::text[]) AS p (name)"
ADD_PROJECTS = "INSERT INTO projects (name) SELECT unnest($1::text[]) ON CONFLICT DO NOTHING"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def unix_us(time: datetime) -> int:
    """A time as the columns of type timestamptz exchange it: microseconds since the Unix epoch."""
    return (time - _EPOCH) // timedelta(microseconds=1)


class Conditions:
    """The conditions of a WHERE clause, all of which must hold, and the arguments they refer to."""

    def __init__(self, project: str) -> None:
        self._conditions = ["project = $1"]
        self.arguments: list[Any] = [label(project)]

    def add(self, condition: str, *values: Any) -> None:
        """One more; the places {} in it, or {0}, {1}, ..., stand for `values`."""
        places = [f"${len(self.arguments) + n + 1}" for n in range(len(values))]
        self._conditions.append(condition.format(*places))
        self.arguments.extend(values)

    def add_equal(self, column: str, value: str | None) -> None:
        """That a label equals `value`, unless that is None."""
        if value is not None:
            self.add(f"{column} = {{}}", label(value))

    def add_range(self, column: str, from_time: datetime | None, to_time: datetime | None) -> None:
        """That from ≤ column < to, as far as these are given."""
        if from_time is not None:
            self.add(f"{column} >= {{}}", unix_us(from_time))
        if to_time is not None:
            self.add(f"{column} < {{}}", unix_us(to_time))

    def __str__(self) -> str:
        return " AND ".join(self._conditions)


async def lock_projects(connection: asyncpg.Connection[Any], projects: Iterable[str]) -> None:
    """Keep the projects from being deleted until the transaction ends, and have them listed."""
    names = sorted(set(projects))
    await connection.execute(LOCK_PROJECTS, names)
    await connection.execute(ADD_PROJECTS, names)


async def insert_new(
    connection: asyncpg.Connection[Any],
    table: str,
    columns: Sequence[str],
    rows: Sequence[tuple[Any, ...]],
) -> int:
    """Insert the rows whose key is not there yet, by COPY into a temporary table; return how many.

    Give them in the order of their keys: then concurrent writers wait for each other, but never in a circle.
    """
    await stage(connection, table, columns, rows)
    names = ", ".join(columns)
    status = await connection.execute(
        f"INSERT INTO {table} ({names}) SELECT {names} FROM pg_temp.staged_{table} ON CONFLICT DO NOTHING"  # noqa: S608
    )
    return int(status.rpartition(" ")[2])


async def stage(
    connection: asyncpg.Connection[Any],
    table: str,
    columns: Sequence[str],
    rows: Iterable[tuple[Any, ...]],
    *,
    as_text: Sequence[str] = (),
) -> None:
    """Copy rows into the temporary table `staged_<table>`, which has the columns of `table`, is empty when a
    transaction begins, and is read in the order in which it was filled.

    Columns in `as_text` are of type text there: always the same ones of a table.
    """
    staged = f"staged_{table}"
    if as_text:
        made = ", ".join(f"{name}::text" if name in as_text else name for name in columns)
        definition = f"ON COMMIT DELETE ROWS AS SELECT {made} FROM {table} WITH NO DATA"  # noqa: S608
    else:
        definition = f"(LIKE {table}) ON COMMIT DELETE ROWS"
    await connection.execute(f"CREATE TEMP TABLE IF NOT EXISTS {staged} {definition}")
    await connection.copy_records_to_table(staged, records=rows, columns=columns, schema_name="pg_temp")


@asynccontextmanager
async def without_workers(connection: asyncpg.Connection[Any]) -> AsyncIterator[None]:
    """A transaction in which no statement is shared among processes: for those that find many rows by their keys, which
    take less than the start of a process though the planner expects more."""
    async with connection.transaction():
        await connection.execute("SET LOCAL max_parallel_workers_per_gather = 0")
        yield

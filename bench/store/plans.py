"""How the database answers the questions: every statement with its plan, as PostgreSQL explains it after running it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from bench.store.database import Database
from bench.store.questions import Asked, Question, draw
from llmflow_store.connections import set_codecs
from llmflow_store.postgres import PostgresStore

#: The rest of a longer line of a plan is the values of a list.
_LINE = 240


class _OneConnection(PostgresStore):
    """A store on one connection."""

    def __init__(self, url: str, connection: asyncpg.Connection[asyncpg.Record]) -> None:
        super().__init__(url, min_size=0, max_size=1, statement_seconds=60)
        self._only = connection

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
        yield self._only


async def plans(database: Database, questions: Sequence[Question]) -> str:
    """Of one version of each question, its statements and their plans."""
    samples = await draw(database.url, database.month, seed=2, count=5)
    connection = await asyncpg.connect(database.url, server_settings={"jit": "off"})
    await set_codecs(connection)
    store = _OneConnection(database.url, connection)
    parts = [f"{database.description}, {database.month.spans} spans"]
    try:
        for question in questions:
            parts.append(f"== {question.name}")
            for statement in await _statements(connection, store, question.make(samples)):
                parts.append(statement.query.strip())
                if statement.args:
                    plan = await connection.fetch(
                        f"EXPLAIN (ANALYZE, BUFFERS, SUMMARY) {statement.query}", *statement.args
                    )
                    parts.append("\n".join(row[0][:_LINE] for row in plan))
                else:  # a transaction, and how its statements are to be planned
                    await connection.execute(statement.query)
    finally:
        await connection.close()
    return "\n\n".join(parts) + "\n"


async def _statements(connection: asyncpg.Connection[Any], store: PostgresStore, asked: Asked) -> list[Any]:
    """What is sent to the database to answer, as asyncpg logs it: each with `query` and `args`."""
    statements: list[Any] = []
    await asked.ask(store)
    with connection.query_logger(statements.append):
        await asked.ask(store)
        # The logger is called by the event loop.
        await asyncio.sleep(0)
    return statements

"""The most that a database could take: the same rows by nothing but COPY, into tables with the same indexes."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence

import asyncpg

from bench.processes import usage
from bench.writer.payloads import Request
from llmflow_core.otlp import parse_traces, spans_of
from llmflow_core.pricing import Prices
from llmflow_store.connections import set_codecs
from llmflow_store.migrations import migrate
from llmflow_store.rows import CONTENT_COLUMNS, SPAN_COLUMNS, content_row, span_row
from llmflow_testkit.clusters import RunningPostgres, create_database, drop_database

_ROWS = 5000


def drop(postgres: RunningPostgres, database_url: str) -> None:
    """Drop a database, unless autovacuum is at work in it: then it stays until the server goes."""
    with contextlib.suppress(asyncpg.InsufficientPrivilegeError):
        drop_database(postgres.url, database_url)


async def copy_rate(postgres: RunningPostgres, made: Sequence[Request]) -> tuple[float, float, float]:
    """Spans a second of the rows of `made`, made beforehand and copied 5000 a transaction by one connection; and the
    processor time of this process and of PostgreSQL, in microseconds a span."""
    prices = Prices()
    database_url = create_database(postgres.url)
    await migrate(database_url)
    connection = await asyncpg.connect(database_url)
    await set_codecs(connection)
    took = python = server = 0.0
    spans = 0
    rows, content = [], []
    try:
        for number, one in enumerate(made):
            for span in spans_of(parse_traces(one.body)):
                prices.price(span)
                rows.append(span_row(span))
                if said := content_row(span):
                    content.append(said)
            if len(rows) >= _ROWS or number == len(made) - 1:
                begin = time.perf_counter(), time.process_time(), usage(postgres.pid).cpu
                async with connection.transaction():
                    await connection.copy_records_to_table("spans", records=rows, columns=SPAN_COLUMNS)
                    if content:
                        await connection.copy_records_to_table("span_content", records=content, columns=CONTENT_COLUMNS)
                took += time.perf_counter() - begin[0]
                python += time.process_time() - begin[1]
                server += usage(postgres.pid).cpu - begin[2]
                spans += len(rows)
                rows, content = [], []
    finally:
        await connection.close()
        drop(postgres, database_url)
    return spans / took, python / spans * 1e6, server / spans * 1e6

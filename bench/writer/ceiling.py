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
from llmflow_core.spans import Span
from llmflow_store.copy_format import copy_rows
from llmflow_store.migrations import migrate
from llmflow_store.rows import (
    CONTENT_COLUMNS,
    SPAN_COLUMNS,
    content_columns,
    encoded_rows,
    has_content,
    span_columns,
)
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
    took = python = server = 0.0
    stored = 0
    spans: list[Span] = []
    try:
        for number, one in enumerate(made):
            spans += spans_of(parse_traces(one.body))
            if len(spans) < _ROWS and number < len(made) - 1:
                continue
            for span in spans:
                prices.price(span)
            rows = encoded_rows(span_columns(spans))
            content = encoded_rows(content_columns([span for span in spans if has_content(span)]))
            begin = time.perf_counter(), time.process_time(), usage(postgres.pid).cpu
            async with connection.transaction():
                await copy_rows(connection, "spans", SPAN_COLUMNS, rows)
                if content:
                    await copy_rows(connection, "span_content", CONTENT_COLUMNS, content)
            took += time.perf_counter() - begin[0]
            python += time.process_time() - begin[1]
            server += usage(postgres.pid).cpu - begin[2]
            stored += len(spans)
            spans = []
    finally:
        await connection.close()
        drop(postgres, database_url)
    return stored / took, python / stored * 1e6, server / stored * 1e6

"""Spans, logs, metrics and scores in TimescaleDB or PostgreSQL: schema, migrations, writes and queries."""

from llmflow_store.port import (
    SearchBacklog,
    SpanCursor,
    SpanPage,
    SpanQuery,
    Store,
    Trace,
    TraceCursor,
    TracePage,
    TraceQuery,
    TraceSummary,
)
from llmflow_store.results import WriteResult

__all__ = [
    "SearchBacklog",
    "SpanCursor",
    "SpanPage",
    "SpanQuery",
    "Store",
    "Trace",
    "TraceCursor",
    "TracePage",
    "TraceQuery",
    "TraceSummary",
    "WriteResult",
    "open_store",
]


def open_store(database_url: str, *, min_size: int = 0, max_size: int = 4, statement_seconds: float = 60.0) -> Store:
    """The store in the database that `database_url` names, as libpq writes it: `postgresql://user:password@host/name`.

    Nothing is opened before the first call that needs it, so a service starts while the database is away. At most
    `max_size` connections are used at once; `min_size` of them are kept when idle. A statement that takes longer than
    `statement_seconds` is given up. The schema must have been migrated
    (`python -m llmflow_store migrate`); `Store.healthy` says whether it has. Raises ConfigError for any other URL.
    """
    from llmflow_store.postgres import PostgresStore

    return PostgresStore(database_url, min_size=min_size, max_size=max_size, statement_seconds=statement_seconds)

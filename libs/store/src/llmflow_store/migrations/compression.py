"""Compression of old chunks, which TimescaleDB's own licence has and its Apache-licensed build has not."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

import asyncpg

logger = logging.getLogger(__name__)

#: Tables that are large and read by key or time, by the order within a compressed chunk.
_ORDERED_BY = {
    "spans": "trace_id, start_time, start_time_nanos",
    "span_content": "trace_id, start_time, start_time_nanos",
    "logs": "time, time_nanos",
    "metric_points": "series, time, time_nanos",
}


async def compress(connection: asyncpg.Connection[Any], after: timedelta) -> bool:
    """Have chunks compressed that are older than `after`, where the server's licence allows that; return whether it
    does. Reads and writes stay the same."""
    if await connection.fetchval("SELECT current_setting('timescaledb.license', true)") != "timescale":
        logger.warning("this build of TimescaleDB cannot compress: chunks stay as they are")
        return False
    for table, order in _ORDERED_BY.items():
        async with connection.transaction():
            await connection.execute(
                f"ALTER TABLE {table} SET (timescaledb.compress, timescaledb.compress_segmentby = 'project',"
                f" timescaledb.compress_orderby = '{order}')"
            )
            await connection.execute("SELECT remove_compression_policy($1::text::regclass, if_exists => true)", table)
            await connection.execute("SELECT add_compression_policy($1::text::regclass, $2::interval)", table, after)
    return True

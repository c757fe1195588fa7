"""`python -m bench store`: how long questions take on a month of ten million spans, with a warm cache.

The database is made the first time, which takes long, and kept. See docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import httpx

from bench.store.database import Database, filled
from bench.store.plans import plans
from bench.store.questions import QUESTIONS, Asked, Question, draw
from llmflow_core.garbage import collect_rarely
from llmflow_query_api.app import OBJECTS
from llmflow_store import open_store
from llmflow_testkit.clusters import BackendMissing
from llmflow_testkit.ports import free_port
from llmflow_testkit.service_process import service_process, wait_ready

_SPANS = {"timescaledb": 10_000_000, "embedded": 1_000_000}
_PASSWORD = "a password of the benchmark"


async def _timed(
    asked: Sequence[Asked], ask: Callable[[Asked], Awaitable[object]], best_of: int
) -> tuple[float, float]:
    """The median and the 95th percentile in milliseconds over the versions, each the fastest of `best_of`, after each
    was asked once before."""
    times = []
    for one in asked:
        await ask(one)
    for one in asked:
        tries = []
        for _ in range(best_of):
            began = time.perf_counter()
            await ask(one)
            tries.append((time.perf_counter() - began) * 1000)
        times.append(min(tries))
    return statistics.median(times), sorted(times)[max(0, -(-len(times) * 95 // 100) - 1)]


async def measure(database: Database, questions: Sequence[Question], count: int, best_of: int) -> bool:
    """Print a table; return whether every goal is met."""
    samples = await draw(database.url, database.month, seed=1, count=count)
    port = free_port()
    with service_process(
        "llmflow_query_api",
        LLMFLOW_DATABASE_URL=database.url,
        LLMFLOW_HOST="127.0.0.1",
        PORT=port,
        AUTH_PASSWORD=_PASSWORD,
    ) as process:
        store = open_store(database.url)
        url = f"http://127.0.0.1:{port}"
        async with httpx.AsyncClient(base_url=url, auth=("llmflow", _PASSWORD), trust_env=False, timeout=60) as client:
            await wait_ready(process, url)

            async def over_http(asked: Asked) -> None:
                (await client.get(asked.path)).raise_for_status()

            print(
                f"{'':36}{'store, ms':>16}{'HTTP, ms':>16}{'goal':>8}\n{'':36}{'p50':>8}{'p95':>8}{'p50':>8}{'p95':>8}"
            )
            met = True
            for question in questions:
                asked = [question.make(samples) for _ in range(count)]
                direct = await _timed(asked, lambda one: one.ask(store), best_of)
                served = await _timed(asked, over_http, best_of)
                missed = max(direct[1], served[1]) > question.goal_ms
                met = met and not missed
                figures = "".join(f"{figure:8.1f}" for figure in (*direct, *served))
                print(f"{question.name:36}{figures}{question.goal_ms:8}{'  missed' if missed else ''}", flush=True)
        await store.close()
    return met


def main(given: Sequence[str]) -> int:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m bench store", description=__doc__)
    parser.add_argument("--servers", default="timescaledb,embedded", help="timescaledb, embedded")
    parser.add_argument("--spans", type=int, help="how many instead of ten million, and of one million when embedded")
    parser.add_argument("--queries", type=int, default=60, help="versions of each question")
    parser.add_argument("--best-of", type=int, default=1, help="ask each version so often; the fastest counts")
    parser.add_argument("--only", default="", help="questions whose name contains this")
    parser.add_argument("--writers", type=int, default=os.cpu_count() or 1, help="processes that fill a new database")
    parser.add_argument("--plans", type=Path, help="write the statements' plans to this file instead")
    arguments = parser.parse_args(given)
    questions = [question for question in QUESTIONS if arguments.only in question.name]
    met = True
    collect_rarely(OBJECTS)
    try:
        for server in arguments.servers.split(","):
            spans = arguments.spans or _SPANS[server]
            with filled(server, spans, writers=arguments.writers) as database:
                print(f"\n{spans:,} spans; {database.description}\nload average {os.getloadavg()[0]:.1f}", flush=True)
                if arguments.plans:
                    arguments.plans.write_text(asyncio.run(plans(database, questions)))
                else:
                    met = asyncio.run(measure(database, questions, arguments.queries, arguments.best_of)) and met
    except BackendMissing as missing:
        print(f"the benchmark needs TimescaleDB: {missing}", file=sys.stderr)
        return 1
    return 0 if met else 1

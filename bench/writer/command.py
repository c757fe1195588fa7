"""`python -m bench writer`: spans a second from a real Kafka into a real TimescaleDB, beside plain COPY.

Each writer is one process, `python -m llmflow_writer`. The database is durable (fsync, synchronous_commit) and on this
machine. See docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from bench.processes import output_of, running, settled, usage
from bench.topic import fill
from bench.writer.ceiling import copy_rate, drop
from bench.writer.payloads import Request, requests
from llmflow_bus import open_bus, topics
from llmflow_store.migrations import migrate
from llmflow_testkit.clusters import (
    BackendMissing,
    RunningKafka,
    RunningPostgres,
    create_database,
    prepare_timescaledb,
    start_kafka,
)
from llmflow_testkit.recount import assert_rollups_match

_TIMEOUT_SECONDS = 300
#: Of a database server with 4 GB to itself, durable.
_SERVER = {
    "shared_preload_libraries": "timescaledb",
    "timescaledb.telemetry_level": "off",
    "max_worker_processes": "16",
    "shared_buffers": "1GB",
    "max_wal_size": "8GB",
    "checkpoint_timeout": "15min",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


@dataclass(frozen=True)
class Result:
    """`rate` in spans a second, processor time in microseconds a span: of the writers, of PostgreSQL, of Kafka."""

    rate: float
    writer: float
    postgres: float
    kafka: float

    @property
    def cores(self) -> float:
        """How many were at work, on average."""
        return self.rate * (self.writer + self.postgres + self.kafka) / 1e6


@contextlib.contextmanager
def writers(kafka: RunningKafka, database_url: str, count: int, batch: int) -> Iterator[list[int]]:
    """The process ids of so many writers at work."""
    env = {
        "LLMFLOW_BUS_URL": kafka.url,
        "LLMFLOW_DATABASE_URL": database_url,
        "LLMFLOW_HEALTH_PORT": "0",
        "LLMFLOW_WRITER_BATCH_SPANS": str(batch),
    }
    with contextlib.ExitStack() as stack:
        command = [sys.executable, "-m", "llmflow_writer"]
        cores = os.sched_getaffinity(0)
        processes = [stack.enter_context(running(command, cores=cores, env=env)) for _ in range(count)]
        yield [process.pid for process in processes]
        for process in processes:
            if process.poll() is not None:
                raise RuntimeError(f"a writer ended: {output_of(process)[-2000:]}")


async def start_up_cpu(kafka: RunningKafka, postgres: RunningPostgres) -> float:
    """Seconds of processor time that a writer takes until it waits for spans."""
    database_url = create_database(postgres.url)
    await migrate(database_url)
    bus = open_bus(kafka.url)
    try:
        await bus.create_topics(topics.ALL)
        with writers(kafka, database_url, 1, 1) as [pid]:
            return settled(pid, timeout=30).cpu
    finally:
        await bus.close()
        drop(postgres, database_url)


async def measure(
    kafka: RunningKafka, postgres: RunningPostgres, made: Sequence[Request], count: int, batch: int
) -> Result:
    """Let `count` writers empty the topic. The clock runs from the first stored span to the last, so that what a
    process takes to start and to join its group is not in it; nor is it in the processor time."""
    database_url = create_database(postgres.url)
    await migrate(database_url)
    connection = await asyncpg.connect(database_url)
    start_up = await start_up_cpu(kafka, postgres)
    await fill(kafka, [one.body for one in made])
    spans = sum(one.spans for one in made)
    try:
        with writers(kafka, database_url, count, batch) as pids:
            deadline = time.monotonic() + _TIMEOUT_SECONDS
            before = usage(postgres.pid).cpu, usage(kafka.pid).cpu
            begin, first, stored = 0.0, 0, 0
            while stored < spans:
                if time.monotonic() > deadline:
                    raise RuntimeError(f"{stored} of {spans} spans after {_TIMEOUT_SECONDS} s")
                await asyncio.sleep(0.05)
                stored = await connection.fetchval("SELECT coalesce(sum(span_count), 0)::bigint FROM rollups_day")
                if stored and not first:
                    begin, first = time.monotonic(), stored
            took = time.monotonic() - begin
            used = [sum(usage(pid).cpu for pid in pids) - count * start_up]
            used += [usage(postgres.pid).cpu - before[0], usage(kafka.pid).cpu - before[1]]
        await assert_rollups_match(database_url)
    finally:
        await connection.close()
        drop(postgres, database_url)
    return Result((spans - first) / took, *(cpu / spans * 1e6 for cpu in used))


def main(given: Sequence[str]) -> int:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m bench writer", description=__doc__)
    parser.add_argument("--spans", type=int, default=150_000, help="how many each figure is measured with")
    parser.add_argument("--batch", type=int, default=5000, help="LLMFLOW_WRITER_BATCH_SPANS")
    parser.add_argument("--writers", default="1,2", help="how many side by side")
    parser.add_argument("--content", default="without,with", help="without, with (4 KB on one span in five)")
    arguments = parser.parse_args(given)
    begin = time.monotonic()
    print(f"load average {os.getloadavg()[0]:.1f}, Python {sys.version.split()[0]}", flush=True)
    try:
        for content in arguments.content.split(","):
            _compare(
                content == "with", arguments.spans, [int(n) for n in arguments.writers.split(",")], arguments.batch
            )
    except BackendMissing as missing:
        print(f"the benchmark needs Kafka and TimescaleDB: {missing}", file=sys.stderr)
        return 1
    print(f"\n{time.monotonic() - begin:.0f} s, load average now {os.getloadavg()[0]:.1f}")
    return 0


def _compare(content: bool, spans: int, counts: Sequence[int], batch: int) -> None:
    made = list(requests(spans=spans, content=content, seed=6, end_ns=time.time_ns()))
    total = sum(one.spans for one in made)
    size = sum(len(one.body) for one in made) // total
    print(
        f"\n{total} spans, {'4 KB of content on one in five' if content else 'without content'}, {size} bytes each\n"
        f"{'':28}{'CPU us a span':>30}{'cores':>9}{'spans/s of a core':>20}\n"
        f"{'':18}{'spans/s':>10}{'writer':>10}{'postgres':>10}{'kafka':>10}{'used':>9}{'writer':>10}{'postgres':>10}"
    )
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="llmflow-bench-")))
        folder.chmod(0o755)
        postgres = stack.enter_context(
            RunningPostgres(folder / "postgres", settings=_SERVER, binaries=prepare_timescaledb())
        )
        postgres.start()
        rate, python, server = asyncio.run(copy_rate(postgres, made))
        print(_row("COPY only", Result(rate, python, server, 0)), flush=True)
        for count in counts:
            # A broker of its own for each, so that every group begins at the beginning.
            with start_kafka(Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="llmflow-bench-")))) as kafka:
                result = asyncio.run(measure(kafka, postgres, made, count, batch))
                print(_row(f"{count} writer{'s' * (count > 1)}", result), flush=True)


def _row(name: str, one: Result) -> str:
    of_a_core = "".join(f"{1e6 / cpu if cpu else 0:10.0f}" for cpu in (one.writer, one.postgres))
    cpu = f"{one.writer:10.1f}{one.postgres:10.1f}{one.kafka:10.1f}"
    return f"{name:18}{one.rate:10.0f}{cpu}{one.cores:9.2f}{of_a_core}"

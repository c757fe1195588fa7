"""`python -m bench ingest`: spans a second into a real Kafka, beside the OpenTelemetry Collector.

Both answer only when Kafka has acknowledged the spans on all its replicas. All traffic stays on 127.0.0.1. See
docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.go_programs import go_program
from bench.ingest.payloads import SPANS, write_requests
from bench.ingest.targets import TARGETS, Receiver
from bench.processes import BESIDE, peak_rss, settled
from llmflow_bus import open_bus, topics
from llmflow_testkit.clusters import BackendMissing, RunningKafka, start_kafka

_CONNECTIONS = 16
_MANY = 128
#: The burst is so many times the half load, for so many seconds; what it asks for is then sent to its end.
_BURST = 10
_BURST_SECONDS = 1.0


@dataclass(frozen=True)
class Result:
    """`rate` in spans a second at saturation, `cpu` in microseconds a span, `half` and `burst` what the load generator
    saw at half of that rate and at ten times the half, `rss` and `peak` in MiB before and in the burst."""

    rate: float
    cpu: float
    half: dict[str, Any]
    burst: dict[str, Any]
    rss: float
    peak: float


def load(receiver: Receiver, protocol: str, bodies: Path, **options: float) -> dict[str, Any]:
    """Run the load generator. Raises BackendMissing when requests fail: the figures would mean nothing."""
    command: list[str | Path] = [
        go_program("otlpload"),
        f"-address={receiver.addresses[protocol]}",
        f"-protocol={protocol}",
        f"-bodies={bodies}",
        *(f"-{name}={value}" for name, value in options.items()),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    summary: dict[str, Any] = json.loads(done.stdout)
    if summary["errors"] or not summary["requests"]:
        raise BackendMissing(f"{summary['errors']} of {summary['requests']} requests failed: {summary['problem']}")
    return summary


def measure(receiver: Receiver, protocol: str, bodies: Path, seconds: float, spans: float | None) -> Result:
    """One row; `spans` a second replace half of the saturation where latency is measured."""
    load(receiver, protocol, bodies, connections=_CONNECTIONS, seconds=min(1.0, seconds))
    before = settled(receiver.pid)
    full = load(receiver, protocol, bodies, connections=_CONNECTIONS, seconds=seconds)
    spent = settled(receiver.pid).cpu - before.cpu
    rate = full["requests"] / full["seconds"]
    half_rate = spans / SPANS if spans else rate / 2
    half = load(receiver, protocol, bodies, connections=_MANY, seconds=seconds, rate=half_rate)
    rss = settled(receiver.pid).rss / 2**20
    with peak_rss(receiver.pid) as peak:
        burst = load(receiver, protocol, bodies, connections=_MANY, seconds=_BURST_SECONDS, rate=half_rate * _BURST)
    return Result(rate * SPANS, spent / full["requests"] / SPANS * 1e6, half, burst, rss, peak() / 2**20)


def compare(
    kafka: RunningKafka, compression: str, protocols: Sequence[str], seconds: float, spans: float | None
) -> None:
    """Print a table of both."""
    with tempfile.TemporaryDirectory(prefix="llmflow-bench-") as folder:
        size = write_requests(Path(folder))
        print(
            f"\n{SPANS} spans of 20 attributes a request, {size >> 10} KB; to Kafka: {compression}\n{_HEAD}", flush=True
        )
        for target in TARGETS:
            try:
                with target.start(kafka.url.removeprefix("kafka://"), compression, Path(folder)) as receiver:
                    for protocol in protocols:
                        one = measure(receiver, protocol, Path(folder), seconds, spans)
                        print(_row(f"{target.name}, {protocol}", one), flush=True)
            except BackendMissing as missing:
                print(f"SKIPPED {target.name}: {missing}", flush=True)


_HEAD = (
    f"{'':18}{'saturation':>30}{'half load, ms':>16}{'half':>9}{'10x burst':>20}\n"
    f"{'':18}{'spans/s':>10}{'CPU us':>9}{'a core':>11}{'p50':>8}{'p99':>8}"
    f"{'RSS MiB':>9}{'peak MiB':>10}{'refused':>10}"
)


def _row(name: str, one: Result) -> str:
    asked = one.burst["requests"] + one.burst["refused"]
    return (
        f"{name:18}{one.rate:10.0f}{one.cpu:9.2f}{1e6 / one.cpu:11.0f}{one.half['p50']:8.1f}{one.half['p99']:8.1f}"
        f"{one.rss:9.0f}{one.peak:10.0f}{one.burst['refused'] / asked:10.0%}"
    )


async def _make_topic(kafka: RunningKafka) -> None:
    bus = open_bus(kafka.url)
    try:
        await bus.create_topics([topics.SPANS])
    finally:
        await bus.close()


def main(given: Sequence[str]) -> int:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m bench ingest", description=__doc__)
    parser.add_argument("--protocols", default="http,grpc", help="http, grpc")
    parser.add_argument("--compression", default="none,zstd", help="of the records in Kafka, the same for both")
    parser.add_argument("--seconds", type=float, default=4, help="how long each figure is measured")
    parser.add_argument("--rate", type=float, help="spans a second instead of half load, the same for both")
    arguments = parser.parse_args(given)
    protocols = arguments.protocols.split(",")
    begin = time.monotonic()
    # Kafka and the load generator stay off the measured core.
    os.sched_setaffinity(0, BESIDE)
    print(f"load average {os.getloadavg()[0]:.1f}, Python {sys.version.split()[0]}", flush=True)
    try:
        go_program("otlpload")
        with tempfile.TemporaryDirectory(prefix="llmflow-bench-") as folder, start_kafka(Path(folder)) as kafka:
            asyncio.run(_make_topic(kafka))
            for compression in arguments.compression.split(","):
                compare(kafka, compression, protocols, arguments.seconds, arguments.rate)
    except BackendMissing as missing:
        print(f"the benchmark needs Kafka and Go: {missing}", file=sys.stderr)
        return 1
    print(f"\n{time.monotonic() - begin:.0f} s, load average now {os.getloadavg()[0]:.1f}")
    return 0

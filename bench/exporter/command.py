"""`python -m bench exporter`: spans a second from a real Kafka to a receiver that forgets them, beside the
OpenTelemetry Collector.

Each target is one process on one core, with a topic that was filled before. All traffic stays on 127.0.0.1. See
docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import sys
import tempfile
import time
import urllib.request
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans

from bench.exporter.targets import TARGETS, Target, Work
from bench.go_programs import go_program
from bench.processes import BESIDE, output_of, running, usage
from bench.topic import fill
from bench.writer.payloads import Request, requests
from llmflow_testkit.clusters import BackendMissing, RunningKafka, start_kafka

_TIMEOUT_SECONDS = 180
_BATCH_BYTES = 1_000_000


@dataclass(frozen=True)
class Result:
    """`rate` in spans a second, `cpu` in microseconds a span, `spans` in a request, `size` a span as sent in bytes."""

    rate: float
    cpu: float
    spans: float
    size: float


@contextlib.contextmanager
def sink() -> Iterator[str]:
    """The URL of a receiver that counts spans and forgets them."""
    with running([go_program("sink")], cores=BESIDE) as process:
        deadline = time.monotonic() + 10
        while not (address := output_of(process).strip()):
            if time.monotonic() > deadline or process.poll() is not None:
                raise BackendMissing("the sink does not start")
            time.sleep(0.02)
        yield f"http://{address}"


def counts(url: str) -> dict[str, Any]:
    """What the sink has taken so far."""
    with urllib.request.urlopen(f"{url}/counts") as answer:
        found: dict[str, Any] = json.load(answer)
        return found


def measure(target: Target, kafka: RunningKafka, compression: str, batch: int | None, spans: int) -> Result:
    """Let `target` empty the topic. Clock and processor time run from the first span at the sink to the last, so that
    what a process takes to start and to join its group is not in them."""
    with sink() as url:
        # A group of its own for each, so that it begins at the beginning.
        work = Work(kafka.url.removeprefix("kafka://"), url, uuid.uuid4().hex, compression, batch)
        with target.start(work) as process:
            deadline = time.monotonic() + _TIMEOUT_SECONDS
            first: dict[str, Any] = {}
            cpu = 0.0
            while (taken := counts(url))["spans"] < spans:
                if taken["spans"] and not first:
                    first, cpu = taken, usage(process.pid).cpu
                if time.monotonic() > deadline or process.poll() is not None:
                    raise RuntimeError(f"{target.name}: {taken} of {spans} spans; {output_of(process)[-2000:]}")
                time.sleep(0.01)
            cpu = usage(process.pid).cpu - cpu
    forwarded = taken["spans"] - first["spans"]
    return Result(
        forwarded / (taken["seconds"] - first["seconds"]),
        cpu / forwarded * 1e6,
        taken["spans"] / taken["requests"],
        taken["bytes"] / taken["spans"],
    )


def compare(made: Sequence[Request], compressions: Sequence[str], batch: int | None) -> None:
    """Print the table of one kind of records."""
    total, size = sum(one.spans for one in made), sum(len(one.body) for one in made)
    print(
        f"\n{total} spans of {size // total} bytes in {len(made)} records; "
        + (f"requests of {batch} bytes" if batch else "a record a request")
        + f"\n{'':32}{'spans/s':>10}{'CPU us':>10}{'a core':>10}{'a request':>12}{'bytes':>10}",
        flush=True,
    )
    with tempfile.TemporaryDirectory(prefix="llmflow-bench-") as folder, start_kafka(Path(folder)) as kafka:
        asyncio.run(fill(kafka, [one.body for one in made]))
        for compression in compressions:
            for target in TARGETS:
                one = measure(target, kafka, compression, batch, total)
                print(_row(f"{target.name}, {compression}", one), flush=True)


def _row(name: str, one: Result) -> str:
    return f"{name:32}{one.rate:10.0f}{one.cpu:10.2f}{1e6 / one.cpu:10.0f}{one.spans:12.0f}{one.size:10.0f}"


def _one_by_one(made: Sequence[Request]) -> Iterator[Request]:
    """The same spans in a record each, as the proxy writes them."""
    for one in made:
        for resource_spans in ExportTraceServiceRequest.FromString(one.body).resource_spans:
            for scope_spans in resource_spans.scope_spans:
                for span in scope_spans.spans:
                    alone = ScopeSpans(scope=scope_spans.scope, spans=[span])
                    group = ResourceSpans(resource=resource_spans.resource, scope_spans=[alone])
                    yield Request(ExportTraceServiceRequest(resource_spans=[group]).SerializeToString(), 1)


def main(given: Sequence[str]) -> int:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m bench exporter", description=__doc__)
    parser.add_argument("--spans", type=int, default=100_000, help="how many each figure is measured with")
    parser.add_argument("--compression", default="none,gzip", help="of the requests, the same for all: none, gzip")
    parser.add_argument("--records", default="many,one", help="spans in a record of Kafka's: many, one")
    arguments = parser.parse_args(given)
    begin = time.monotonic()
    # Kafka and the sink stay off the measured core.
    os.sched_setaffinity(0, BESIDE)
    print(f"load average {os.getloadavg()[0]:.1f}, Python {sys.version.split()[0]}", flush=True)
    made = list(requests(spans=arguments.spans, content=False, seed=7, end_ns=time.time_ns()))
    try:
        for records in arguments.records.split(","):
            if records == "many":
                compare(made, arguments.compression.split(","), None)
            else:
                compare(list(_one_by_one(made)), arguments.compression.split(","), _BATCH_BYTES)
    except BackendMissing as missing:
        print(f"the benchmark needs Kafka and Go: {missing}", file=sys.stderr)
        return 1
    print(f"\n{time.monotonic() - begin:.0f} s, load average now {os.getloadavg()[0]:.1f}")
    return 0

"""What is measured: LLMFlow's receiver and the OpenTelemetry Collector, each one process on one core."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.go_programs import go_program
from bench.processes import MEASURED, output_of, running
from llmflow_bus import topics
from llmflow_testkit.clusters import BackendMissing
from llmflow_testkit.collector import find_collector
from llmflow_testkit.ports import free_port

_START_SECONDS = 30


@dataclass(frozen=True)
class Receiver:
    """A running target: its process and the address (`127.0.0.1:port`) of each protocol, `http` and `grpc`."""

    pid: int
    addresses: dict[str, str]


@dataclass(frozen=True)
class Target:
    """`start(kafka, compression, bodies)` runs it before Kafka (`host:port`) and returns it once it takes requests."""

    name: str
    start: Callable[[str, str, Path], contextlib.AbstractContextManager[Receiver]]


@contextlib.contextmanager
def _llmflow(kafka: str, compression: str, bodies: Path) -> Iterator[Receiver]:
    http, grpc = free_port(), free_port()
    env = {
        "LLMFLOW_HOST": "127.0.0.1",
        "LLMFLOW_INGEST_HTTP_PORT": str(http),
        "LLMFLOW_INGEST_GRPC_PORT": str(grpc),
        "LLMFLOW_INGEST_ZIPKIN_PORT": "0",
        "LLMFLOW_WORKERS": "0",
        "LLMFLOW_BUS_URL": f"kafka://{kafka}?compression={compression}",
    }
    with running([sys.executable, "-m", "llmflow_ingest"], cores=MEASURED, env=env) as process:
        yield _ready(process, http, grpc, bodies)


@contextlib.contextmanager
def _collector(kafka: str, compression: str, bodies: Path) -> Iterator[Receiver]:
    """Without a sending queue, so that it acknowledges only what Kafka has, and without retries, as LLMFlow."""
    http, grpc = free_port(), free_port()
    protocols = {"http": {"endpoint": f"127.0.0.1:{http}"}, "grpc": {"endpoint": f"127.0.0.1:{grpc}"}}
    exporter = {
        "brokers": [kafka],
        "traces": {"topic": topics.SPANS, "encoding": "otlp_proto"},
        "sending_queue": {"enabled": False},
        "retry_on_failure": {"enabled": False},
        "producer": {"required_acks": -1, "compression": compression},
    }
    configuration = {
        "receivers": {"otlp": {"protocols": protocols}},
        "exporters": {"kafka": exporter},
        "service": {
            "telemetry": {"metrics": {"level": "none"}, "logs": {"level": "error"}},
            "pipelines": {"traces": {"receivers": ["otlp"], "exporters": ["kafka"]}},
        },
    }
    with tempfile.NamedTemporaryFile("w", prefix="llmflow-bench-", suffix=".yaml") as file:
        json.dump(configuration, file)
        file.flush()
        with running([find_collector(), f"--config={file.name}"], cores=MEASURED) as process:
            yield _ready(process, http, grpc, bodies)


def _ready(process: subprocess.Popen[bytes], http: int, grpc: int, bodies: Path) -> Receiver:
    """Wait until the target takes a request. Raises BackendMissing with its output when it never does."""
    receiver = Receiver(process.pid, {"http": f"127.0.0.1:{http}", "grpc": f"127.0.0.1:{grpc}"})
    deadline = time.monotonic() + _START_SECONDS
    answer = ""
    while time.monotonic() < deadline and process.poll() is None:
        for protocol, address in receiver.addresses.items():
            what = (f"-address={address}", f"-protocol={protocol}", f"-bodies={bodies}")
            command = (go_program("otlpload"), *what, "-requests=1", "-seconds=1")
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            answer = done.stdout.strip()
            if '"requests":1' not in answer:
                break
        else:
            return receiver
    raise BackendMissing(f"takes no requests: {answer} {output_of(process)[-1500:]}")


TARGETS = (Target("LLMFlow", _llmflow), Target("Collector", _collector))

"""What is measured: LLMFlow's exporter and the OpenTelemetry Collector, each one process on one core."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from bench.processes import MEASURED, running
from llmflow_bus import topics
from llmflow_testkit.collector import find_collector


@dataclass(frozen=True)
class Work:
    """From where to where: Kafka (`host:port`), the sink's URL, a name for the consumer group, gzip or none, and the
    bytes that a request has before compression; None: each record is a request."""

    kafka: str
    sink: str
    group: str
    compression: str
    batch: int | None


Start = Callable[[Work], contextlib.AbstractContextManager[subprocess.Popen[bytes]]]


@dataclass(frozen=True)
class Target:
    """One row of the table."""

    name: str
    start: Start


def _llmflow(dialect: str) -> Start:
    @contextlib.contextmanager
    def start(work: Work) -> Iterator[subprocess.Popen[bytes]]:
        destination = {"name": work.group, "endpoint": work.sink, "compression": work.compression, "dialect": dialect}
        with tempfile.NamedTemporaryFile("w", prefix="llmflow-bench-", suffix=".yaml") as file:
            json.dump({"destinations": [destination]}, file)  # JSON is YAML
            file.flush()
            env = {
                "LLMFLOW_BUS_URL": f"kafka://{work.kafka}",
                "LLMFLOW_EXPORT_FILE": file.name,
                "LLMFLOW_EXPORT_BATCH_BYTES": str(work.batch or 1),
                "LLMFLOW_HEALTH_PORT": "0",
            }
            with running([sys.executable, "-m", "llmflow_exporter"], cores=MEASURED, env=env) as process:
                yield process

    return start


@contextlib.contextmanager
def _collector(work: Work) -> Iterator[subprocess.Popen[bytes]]:
    """Without a queue a record is marked once the sink has it, as LLMFlow does; batches need one, and it is not."""
    receiver = {
        "brokers": [work.kafka],
        "group_id": work.group,
        "initial_offset": "earliest",
        "traces": {"topics": [topics.SPANS], "encoding": "otlp_proto"},
        "message_marking": {"after": True},
    }
    batch = {"flush_timeout": "200ms", "min_size": work.batch, "max_size": work.batch, "sizer": "bytes"}
    queue = {"enabled": True, "block_on_overflow": True, "sizer": "requests", "batch": batch}
    exporter = {
        "endpoint": work.sink,
        "compression": work.compression,
        **({"compression_params": {"level": 1}} if work.compression == "gzip" else {}),
        "sending_queue": queue if work.batch else {"enabled": False},
    }
    configuration = {
        "receivers": {"kafka": receiver},
        "exporters": {"otlp_http": exporter},
        "service": {
            "telemetry": {"metrics": {"level": "none"}, "logs": {"level": "error"}},
            "pipelines": {"traces": {"receivers": ["kafka"], "exporters": ["otlp_http"]}},
        },
    }
    with tempfile.NamedTemporaryFile("w", prefix="llmflow-bench-", suffix=".yaml") as file:
        json.dump(configuration, file)
        file.flush()
        with running([find_collector(), f"--config={file.name}"], cores=MEASURED) as process:
            yield process


TARGETS = (
    Target("Collector", _collector),
    Target("LLMFlow", _llmflow("as-received")),
    Target("LLMFlow, openinference", _llmflow("openinference")),
)

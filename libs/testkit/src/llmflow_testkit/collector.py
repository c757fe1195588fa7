"""The OpenTelemetry Collector with the parts that LLMFlow meets: OTLP in and out, Kafka in and out, files."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from llmflow_testkit.clusters.cache import built_once, require, run
from llmflow_testkit.gotools import go_tool

COLLECTOR_VERSION = "v0.162.0"
#: Version of the Collector's stable modules in that release.
_STABLE = "v1.68.0"
#: The Go that its modules ask for at least.
_GO = "1.26.0"
#: Of Kafka's parts not every version is to be had from Go's module proxy; these are the next older ones, and fit.
_KAFKA_EXPORTER = "v0.161.0"
_KAFKA_SHARED = {"pkg/kafka/configkafka": "v0.160.0", "pkg/kafka/topic": "v0.160.0"}
_CORE = "go.opentelemetry.io/collector"
_CONTRIB = "github.com/open-telemetry/opentelemetry-collector-contrib"
#: What the builder makes a Collector of. Without a batch processor, it passes on each request as it comes.
_PARTS = {
    "receivers": [
        f"{_CORE}/receiver/otlpreceiver {COLLECTOR_VERSION}",
        f"{_CONTRIB}/receiver/kafkareceiver {COLLECTOR_VERSION}",
    ],
    "exporters": [
        f"{_CORE}/exporter/otlpexporter {COLLECTOR_VERSION}",
        f"{_CORE}/exporter/otlphttpexporter {COLLECTOR_VERSION}",
        f"{_CONTRIB}/exporter/fileexporter {COLLECTOR_VERSION}",
        f"{_CONTRIB}/exporter/kafkaexporter {_KAFKA_EXPORTER}",
    ],
    "providers": [f"{_CORE}/confmap/provider/{name}provider {_STABLE}" for name in ("env", "file", "yaml")],
}


def find_collector() -> Path:
    """The Collector `otelcol`, built by Go at COLLECTOR_VERSION (some minutes, once).

    It has the receivers `otlp` and `kafka` and the exporters `otlp_grpc`, `otlp_http`, `kafka` and `file`; run it with
    `--config=FILE`. Its own metrics listen on port 8888 unless `service.telemetry.metrics.level` is `none`. Raises
    BackendMissing when there is no Go or the build fails.
    """
    builder = go_tool("otelcol-builder", f"{_CORE}/cmd/builder", COLLECTOR_VERSION)

    def build(folder: Path) -> None:
        require("go", "nice")
        with tempfile.TemporaryDirectory(prefix="llmflow-otelcol-") as work:
            source = Path(work, "source")
            manifest: dict[str, object] = {"dist": {"name": "otelcol", "output_path": str(source)}}
            manifest |= {kind: [{"gomod": module} for module in modules] for kind, modules in _PARTS.items()}
            # JSON is YAML.
            Path(work, "manifest.yaml").write_text(json.dumps(manifest))
            # Left to itself the builder asks for modules that only tests need, and fails where they are not to be had.
            run([builder, f"--config={work}/manifest.yaml", "--skip-get-modules", "--skip-compilation"])
            (source / "go.mod").write_text(_go_mod())
            go_build = ("go", "build", "-C", source, "-mod=mod", "-trimpath", "-ldflags=-s -w")
            run(["env", "CGO_ENABLED=0", "nice", "-n", "10", *go_build, "-o", folder / "otelcol"], timeout=1800)

    return built_once(f"otelcol-{COLLECTOR_VERSION.removeprefix('v')}", build) / "otelcol"


def _go_mod() -> str:
    modules = [f"{_CORE}/otelcol {COLLECTOR_VERSION}", *(module for part in _PARTS.values() for module in part)]
    replaced = [f"{_CONTRIB}/{name} => {_CONTRIB}/{name} {version}" for name, version in _KAFKA_SHARED.items()]
    lines = ["module otelcol", f"go {_GO}", *(f"require {line}" for line in modules)]
    return "\n".join([*lines, *(f"replace {line}" for line in replaced)])

"""`python -m llmflow_testkit.prepare`: get what tests start and the tree does not hold."""

from __future__ import annotations

import os
import sys
import time

from llmflow_testkit.chromium import find_chromium
from llmflow_testkit.clusters import BackendMissing, prepare_kafka, prepare_timescaledb
from llmflow_testkit.collector import find_collector
from llmflow_testkit.compose import find_compose_loader
from llmflow_testkit.helm import find_helm
from llmflow_testkit.jaeger import find_jaeger
from llmflow_testkit.mlflow import find_mlflow
from llmflow_testkit.nginx import find_nginx
from llmflow_testkit.nodepackages import find_node_openai, find_node_opentelemetry
from llmflow_testkit.phoenix import find_phoenix
from llmflow_testkit.prometheus import find_prometheus
from llmflow_testkit.pythonpackages import find_python_clients
from llmflow_testkit.zipkin import find_zipkin

# What to get, and the variable that may name one of the user's own.
_PARTS = (
    ("Kafka", "LLMFLOW_TEST_KAFKA", prepare_kafka),
    ("TimescaleDB", "LLMFLOW_TEST_DATABASE", prepare_timescaledb),
    ("Chromium", "LLMFLOW_TEST_CHROMIUM", find_chromium),
    ("nginx", None, find_nginx),
    ("Prometheus", None, find_prometheus),
    ("OpenAI's SDK for Node", None, find_node_openai),
    ("OpenTelemetry's SDK for Node", None, find_node_opentelemetry),
    ("LiteLLM, Opik and Portkey's SDK", None, find_python_clients),
    ("Compose's loader", None, find_compose_loader),
    ("Helm", None, find_helm),
    ("Zipkin", None, find_zipkin),
    ("OpenTelemetry's Collector", None, find_collector),
    ("Phoenix", None, find_phoenix),
    ("MLflow", None, find_mlflow),
    ("Jaeger", None, find_jaeger),
)


def main() -> int:
    """Prepare everything; what this machine cannot provide is an error in CI and a remark elsewhere."""
    missing = 0
    for name, variable, prepare in _PARTS:
        begin = time.monotonic()
        if variable and os.environ.get(variable):
            print(f"{name}: the one that {variable} names")
            continue
        try:
            prepare()
            print(f"{name}: ready after {time.monotonic() - begin:.1f} s", flush=True)
        except BackendMissing as reason:
            missing += 1
            print(f"{name}: {reason}{f' ({variable} may name one of your own)' if variable else ''}", file=sys.stderr)
    return 1 if missing and os.environ.get("CI") else 0


if __name__ == "__main__":
    sys.exit(main())

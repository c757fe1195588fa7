"""`python -m llmflow_testkit.clusters prepare`: get what tests start and the tree does not hold."""

from __future__ import annotations

import argparse
import os
import sys
import time

from llmflow_testkit.chromium import find_chromium
from llmflow_testkit.clusters import BackendMissing, prepare_kafka, prepare_timescaledb


def main() -> int:
    """Prepare everything; what this machine cannot provide is an error in CI and a remark elsewhere."""
    parser = argparse.ArgumentParser(prog="python -m llmflow_testkit.clusters", description=__doc__)
    parser.add_argument("command", choices=["prepare"])
    parser.parse_args()
    missing = 0
    for name, variable, prepare in (
        ("Kafka", "LLMFLOW_TEST_KAFKA", prepare_kafka),
        ("TimescaleDB", "LLMFLOW_TEST_DATABASE", prepare_timescaledb),
        ("Chromium", "LLMFLOW_TEST_CHROMIUM", find_chromium),
    ):
        begin = time.monotonic()
        if os.environ.get(variable):
            print(f"{name}: the one that {variable} names")
            continue
        try:
            prepare()
            print(f"{name}: ready after {time.monotonic() - begin:.1f} s")
        except BackendMissing as reason:
            missing += 1
            print(f"{name}: {reason} ({variable} may name one of your own)", file=sys.stderr)
    return 1 if missing and os.environ.get("CI") else 0


if __name__ == "__main__":
    sys.exit(main())

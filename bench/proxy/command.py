"""`python -m bench proxy`: what LLMFlow's proxy costs, beside a direct call, bare forwarders and its peers.

All traffic stays on 127.0.0.1. See docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.go_programs import go_program
from bench.processes import BESIDE, settled, usage
from bench.proxy import targets
from bench.proxy.targets import Server, Target, started
from llmflow_testkit.clusters.cache import BackendMissing


@dataclass(frozen=True)
class Scenario:
    """One kind of exchange. `least` is what an answer has at least, in bytes."""

    name: str
    size: int
    stream: bool
    least: int


PLAIN = Scenario("plain", 1 << 10, False, 2000)
STREAM = Scenario("stream", 1 << 10, True, 10_000)
LARGE = Scenario("large", 200 << 10, False, 2000)
_CONNECTIONS = 32
_MANY = 300


@dataclass(frozen=True)
class Result:
    """Latencies in milliseconds, `cpu` in milliseconds a request, `rss` in MiB. `rate` is requests a second on one
    core; `half` is what was asked for at half load."""

    sequential: dict[str, Any]
    rate: float
    cpu: float
    half: dict[str, Any]
    rss: float


def load(server: Server, scenario: Scenario, **options: float) -> dict[str, Any]:
    """Run the load generator. Raises BackendMissing when requests fail: the figures would mean nothing."""
    command: list[str | Path] = [
        "taskset",
        "--cpu-list",
        ",".join(map(str, sorted(BESIDE))),
        go_program("load"),
        f"-url={server.url}/v1/chat/completions",
        f"-size={scenario.size}",
        f"-least={scenario.least}",
        f"-stream={str(scenario.stream).lower()}",
        *(f"-header={header}" for header in server.headers),
        *(f"-{name}={value}" for name, value in options.items()),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    summary: dict[str, Any] = json.loads(done.stdout)
    if summary["errors"] > summary["requests"] // 1000 or not summary["requests"]:
        raise BackendMissing(f"{summary['errors']} of {summary['requests']} requests failed: {summary['problem']}")
    return summary


def cost(server: Server, scenario: Scenario, *, connections: int, seconds: float) -> tuple[float, float]:
    """Requests a second at saturation, and CPU milliseconds a request with all that follows it."""
    before = settled(server.pid) if server.pid else None
    summary = load(server, scenario, connections=connections, seconds=seconds)
    spent = settled(server.pid).cpu - before.cpu if server.pid and before else 0.0
    return summary["requests"] / summary["seconds"], spent / summary["requests"] * 1000


def measure(server: Server, scenario: Scenario, seconds: float) -> Result:
    """One row."""
    load(server, scenario, connections=_CONNECTIONS, seconds=min(1.0, seconds))
    sequential = load(server, scenario, connections=1, seconds=seconds)
    rate, cpu = cost(server, scenario, connections=_MANY if scenario.stream else _CONNECTIONS, seconds=seconds)
    half = load(server, scenario, connections=_MANY, seconds=seconds, rate=rate / 2)
    return Result(sequential, rate, cpu, half, usage(server.pid).rss / 2**20 if server.pid else 0.0)


def compare(scenarios: Sequence[Scenario], rows: Sequence[Target], gap: float, seconds: float) -> None:
    """Print one table a scenario, LLMFlow's peers beside it, and how many times dearer they are."""
    results: dict[tuple[str, str], Result] = {}
    with targets.upstream(gap) as upstream:
        for target in rows:
            try:
                with started(target, upstream) as server:
                    for scenario in scenarios:
                        say(f"{target.name}: {scenario.name}")
                        results[target.name, scenario.name] = measure(server, scenario, seconds)
            except BackendMissing as missing:
                print(f"SKIPPED {target.name}: {missing}", flush=True)
    for scenario in scenarios:
        base = results[targets.DIRECT.name, scenario.name]
        own = results.get((targets.LLMFLOW.name, scenario.name))
        print(f"\n{scenario.name}: {scenario.size} bytes asked, {'50 events' if scenario.stream else '2 KB'} answered")
        print(_HEAD)
        for target in rows:
            if one := results.get((target.name, scenario.name)):
                print(_row(target.name, one, base, own))


_HEAD = (
    f"{'':24}{'sequential, added ms':>26}{'half load, ms':>16}{'':>10}{'':>11}{'':>9}{'CPU':>9}\n"
    f"{'':24}{'p50':>8}{'p99':>8}{'1st p50':>10}{'p50':>8}{'p99':>8}"
    f"{'req/s':>10}{'CPU ms':>11}{'RSS MiB':>9}{'ratio':>9}"
)


def _row(name: str, one: Result, base: Result, own: Result | None) -> str:
    added = [one.sequential[key] - base.sequential[key] for key in ("p50", "p99", "first_p50")]
    if one is base:
        added = [base.sequential[key] for key in ("p50", "p99", "first_p50")]
        name += " (not added)"
    ratio = f"{one.cpu / own.cpu:9.1f}" if own and own.cpu and one.cpu else f"{'':9}"
    return (
        f"{name:24}{added[0]:8.2f}{added[1]:8.2f}{added[2]:10.2f}{one.half['p50']:8.2f}{one.half['p99']:8.2f}"
        f"{one.rate:10.0f}{one.cpu:11.3f}{one.rss:9.0f}{ratio}"
    )


def choose(rows: Sequence[Target], gap: float, seconds: float) -> None:
    """Print CPU a request of each server and client that LLMFlow could use."""
    print(f"\n{'choices (nothing recorded)':30}{'plain ms':>10}{'stream ms':>11}{'1st chunk, added ms':>22}")
    with targets.upstream(gap) as upstream:
        first = load(Server(upstream, None), STREAM, connections=1, seconds=seconds / 2)["first_p50"]
        for target in rows:
            try:
                with started(target, upstream) as server:
                    load(server, PLAIN, connections=_CONNECTIONS, seconds=1)
                    plain = cost(server, PLAIN, connections=_CONNECTIONS, seconds=seconds)[1]
                    stream = cost(server, STREAM, connections=_CONNECTIONS, seconds=seconds)[1]
                    begun = load(server, STREAM, connections=1, seconds=seconds / 2)["first_p50"] - first
                    print(f"{target.name:30}{plain:10.3f}{stream:11.3f}{begun:22.2f}", flush=True)
            except BackendMissing as missing:
                print(f"SKIPPED {target.name}: {missing}", flush=True)


def soak(requests: int, gap: float) -> int:
    """Print LLMFlow's memory while `requests` pass, every fifth a stream of 50 events; 1 when it grows to the end."""
    print(f"\nmemory over {requests} requests\n{'requests':>10}{'RSS MiB':>10}", flush=True)
    steps, seen = 10, []
    with targets.upstream(gap) as upstream, started(targets.LLMFLOW, upstream) as server:
        assert server.pid is not None
        for step in range(1, steps + 1):
            share = requests // steps
            load(server, PLAIN, connections=64, seconds=600, requests=share * 4 // 5)
            load(server, STREAM, connections=_MANY, seconds=600, requests=share - share * 4 // 5)
            seen.append(settled(server.pid).rss / 2**20)
            print(f"{share * step:10}{seen[-1]:10.1f}", flush=True)
    growth = seen[-1] - seen[steps // 2 - 1]
    print(f"second half: {growth:+.1f} MiB")
    return int(growth > 5)


def _wanted(rows: Sequence[Target], names: str | None) -> list[Target]:
    return [row for row in rows if names is None or row.name.lower() in names.lower().split(",")]


def say(text: str) -> None:
    if sys.stderr.isatty():
        print(text, file=sys.stderr, flush=True)


def main(given: Sequence[str]) -> int:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m bench proxy", description=__doc__)
    parser.add_argument(
        "parts", nargs="*", default=["compare"], metavar="part", help="compare, choices, soak; compare without any"
    )
    parser.add_argument("--scenarios", default="plain,stream,large", help="of compare: plain, stream, large")
    parser.add_argument("--targets", help="of compare and choices: names of rows, by default all")
    parser.add_argument("--seconds", type=float, default=4, help="how long each figure is measured")
    parser.add_argument("--gap", type=float, default=2, help="milliseconds between two events of a stream")
    parser.add_argument("--requests", type=int, default=200_000, help="of soak")
    arguments = parser.parse_args(given)
    if unknown := set(arguments.parts) - {"compare", "choices", "soak"}:
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    try:
        go_program("load")
    except BackendMissing as missing:
        print(f"the benchmark needs Go: {missing}", file=sys.stderr)
        return 1
    begin = time.monotonic()
    print(f"{os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f}, Python {sys.version.split()[0]}", flush=True)
    status = 0
    if "compare" in arguments.parts:
        rows = [targets.DIRECT, *_wanted([targets.LLMFLOW, *targets.BESIDES], arguments.targets)]
        names = arguments.scenarios.split(",")
        chosen = [scenario for scenario in (PLAIN, STREAM, LARGE) if scenario.name in names]
        compare(chosen, rows, arguments.gap, arguments.seconds)
    if "choices" in arguments.parts:
        choose(_wanted([*targets.SERVERS, *targets.CLIENTS], arguments.targets), arguments.gap, arguments.seconds)
    if "soak" in arguments.parts:
        status = soak(arguments.requests, arguments.gap)
    print(f"\n{time.monotonic() - begin:.0f} s, load average now {os.getloadavg()[0]:.1f}")
    return status

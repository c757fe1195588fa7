"""`python -m llmflow_testkit.record_coding_tools [tool ...]`: run AI command-line tools, keep what they send.

Each tool, installed from npm in a pinned version, answers one prompt against a fake provider, with its OTLP exporters
pointed at a receiver. Traces are on, so that logs have their ids, and not kept. The logs and metrics become
tests/fixtures/coding_tools/<tool>.json, less what is long, repeated or about the machine.
"""

from __future__ import annotations

import argparse
import base64
import gzip
import json
import os
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from google.protobuf.json_format import MessageToDict

from llmflow_core import otlp
from llmflow_testkit.clusters.cache import built_once, run
from llmflow_testkit.otlp_requests import logs_of_json, metrics_of_json
from llmflow_testkit.providers import FakeProvider
from llmflow_testkit.recorded_coding_tools import FOLDER
from llmflow_testkit.recording import RESOURCE_ATTRIBUTES_OF_MACHINES, pretty, with_own_ids, without_machine

_PROMPT = "What is the weather in Paris?"
_RUN_SECONDS = 120
_LONGEST_TEXT = 200
_SIGNALS = {"/v1/logs": "resourceLogs", "/v1/metrics": "resourceMetrics"}

Received = tuple[str, str, bytes]


@dataclass(frozen=True)
class Tool:
    """An npm package and its program. `prepare` writes the settings into a home folder, given the provider's and the
    receiver's URL, and returns the environment. `metrics` are the beginnings of the names that are kept."""

    package: str
    command: tuple[str, ...]
    prepare: Callable[[Path, str, str], Mapping[str, str]]
    metrics: tuple[str, ...]


def _claude_code(_: Path, provider: str, receiver: str) -> Mapping[str, str]:
    return {
        "ANTHROPIC_API_KEY": "sk-ant-fake",
        "ANTHROPIC_BASE_URL": provider,
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "CLAUDE_CODE_ENABLE_TELEMETRY": "1",
        "CLAUDE_CODE_ENHANCED_TELEMETRY_BETA": "1",
        "OTEL_EXPORTER_OTLP_ENDPOINT": receiver,
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        "OTEL_LOGS_EXPORTER": "otlp",
        "OTEL_METRICS_EXPORTER": "otlp",
        "OTEL_TRACES_EXPORTER": "otlp",
    }


def _codex(home: Path, provider: str, receiver: str) -> Mapping[str, str]:
    (home / ".codex").mkdir()
    (home / ".codex/config.toml").write_text(
        f"""
model = "gpt-5-codex"
model_provider = "fake"
approval_policy = "never"
[model_providers.fake]
name = "fake"
base_url = "{provider}/v1"
env_key = "OPENAI_API_KEY"
wire_api = "responses"
[otel]
environment = "test"
exporter = {{ otlp-http = {{ endpoint = "{receiver}/v1/logs", protocol = "binary" }} }}
trace_exporter = {{ otlp-http = {{ endpoint = "{receiver}/v1/traces", protocol = "binary" }} }}
metrics_exporter = {{ otlp-http = {{ endpoint = "{receiver}/v1/metrics", protocol = "binary" }} }}
"""
    )
    return {"OPENAI_API_KEY": "sk-fake"}


def _gemini_cli(home: Path, provider: str, receiver: str) -> Mapping[str, str]:
    (home / ".gemini").mkdir()
    telemetry = {"enabled": True, "target": "local", "otlpEndpoint": receiver, "otlpProtocol": "http"}
    settings = {
        "telemetry": {**telemetry, "useCollector": True, "logPrompts": False},
        "security": {"auth": {"selectedType": "gemini-api-key"}},
        "privacy": {"usageStatisticsEnabled": False},
    }
    (home / ".gemini/settings.json").write_text(json.dumps(settings))
    return {
        "GEMINI_API_KEY": "fake",
        "GEMINI_CLI_TRUST_WORKSPACE": "true",
        "GOOGLE_GEMINI_BASE_URL": f"{provider}/gemini",
    }


TOOLS = {
    "claude_code": Tool(
        "@anthropic-ai/claude-code@2.1.197",
        ("claude", "-p", _PROMPT, "--model", "claude-sonnet-4-5"),
        _claude_code,
        ("claude_code.",),
    ),
    "codex": Tool(
        "@openai/codex@0.169.0",
        ("codex", "exec", "--skip-git-repo-check", "--sandbox", "danger-full-access", _PROMPT),
        _codex,
        ("codex.turn.token_usage", "codex.tool.call", "codex.thread.started"),
    ),
    "gemini_cli": Tool(
        "@google/gemini-cli@0.61.0",
        ("gemini", "-m", "gemini-2.0-flash", "-p", _PROMPT, "--yolo"),
        _gemini_cli,
        ("gemini_cli.session", "gemini_cli.token", "gemini_cli.api.request", "gemini_cli.tool.call", "gen_ai."),
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser(description="Record what AI command-line tools send")
    parser.add_argument("tools", nargs="*", metavar="tool", help="all when none is named")
    for name in parser.parse_args().tools or TOOLS:
        FOLDER.mkdir(exist_ok=True)
        (FOLDER / f"{name}.json").write_text(record(name, TOOLS[name]))
        print(name, flush=True)


def record(name: str, tool: Tool) -> str:
    """Run a tool; return what it sent as one OTLP/JSON document. Raises RuntimeError with its output when it fails."""
    program = _installed(tool) / "node_modules/.bin" / tool.command[0]
    with (
        tempfile.TemporaryDirectory(prefix="llmflow-recording-") as place,
        FakeProvider() as provider,
        _receiver() as (receiver, received),
    ):
        home = Path(place)
        environment = {
            "HOME": place,
            "PATH": os.environ["PATH"],
            "TERM": "dumb",
            **tool.prepare(home, provider.url, receiver),
        }
        (home / "work").mkdir()
        done = subprocess.run(
            [program, *tool.command[1:]],
            cwd=home / "work",
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_RUN_SECONDS,
            check=False,
        )
        if done.returncode != 0 or not received:
            raise RuntimeError(f"{tool.command[0]} failed or sent nothing:\n{done.stdout}{done.stderr}")
        addresses = {provider.url.rpartition(":")[2]: "8081", receiver.rpartition(":")[2]: "4318"}
        text = without_machine(pretty(_document(received, tool)), addresses, home)
    return with_own_ids(text, name) + "\n"


def _installed(tool: Tool) -> Path:
    def build(folder: Path) -> None:
        run(["npm", "install", "--prefix", folder, "--no-audit", "--no-fund", "--loglevel=error", tool.package])

    return built_once(f"node-{tool.command[0]}-{tool.package.rpartition('@')[2]}", build)


@contextmanager
def _receiver() -> Iterator[tuple[str, list[Received]]]:
    """The URL of an OTLP/HTTP server that takes everything, and what it has taken: path, media type, body."""
    received: list[Received] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self._chunks() if "transfer-encoding" in self.headers else self._rest()
            if self.headers.get("content-encoding") == "gzip":
                body = gzip.decompress(body)
            received.append((self.path, self.headers.get("content-type", ""), body))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def _rest(self) -> bytes:
            return self.rfile.read(int(self.headers.get("content-length", 0)))

        def _chunks(self) -> bytes:
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return body

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", received
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _document(received: list[Received], tool: Tool) -> dict[str, Any]:
    document: dict[str, list[Any]] = {signal: [] for signal in _SIGNALS.values()}
    for path, media_type, body in received:
        if path in _SIGNALS:
            document[_SIGNALS[path]] += _read(path, "json" in media_type, body)[_SIGNALS[path]]
    for resource in (*document["resourceLogs"], *document["resourceMetrics"]):
        resource["resource"]["attributes"] = [
            attribute
            for attribute in resource["resource"].get("attributes", [])
            if not attribute["key"].startswith(RESOURCE_ATTRIBUTES_OF_MACHINES)
        ]
    seen: set[str] = set()
    for scope in _scopes(document["resourceLogs"], "scopeLogs"):
        scope["logRecords"] = [_with_hexadecimal_ids(log) for log in scope["logRecords"] if _is_first(log, seen)]
    for scope in _scopes(document["resourceMetrics"], "scopeMetrics"):
        scope["metrics"] = [metric for metric in scope["metrics"] if metric["name"].startswith(tool.metrics)]
    return {signal: _shortened(resources) for signal, resources in document.items()}


def _read(path: str, as_json: bool, body: bytes) -> dict[str, Any]:
    if path == "/v1/logs":
        return MessageToDict((logs_of_json if as_json else otlp.parse_logs)(body))
    return MessageToDict((metrics_of_json if as_json else otlp.parse_metrics)(body))


def _scopes(resources: list[Any], name: str) -> Iterator[dict[str, Any]]:
    for resource in resources:
        yield from resource[name]


def _is_first(log: dict[str, Any], seen: set[str]) -> bool:
    """Whether it is no event of a stream like one before: a kind of Codex's comes with every delta."""
    attributes = {attribute["key"]: attribute.get("value", {}) for attribute in log.get("attributes", [])}
    if "event.kind" not in attributes or "input_token_count" in attributes:
        return True
    kind = str(attributes["event.kind"])
    if kind in seen:
        return False
    seen.add(kind)
    return True


def _with_hexadecimal_ids(log: dict[str, Any]) -> dict[str, Any]:
    for name in ("traceId", "spanId"):
        if name in log:
            log[name] = base64.b64decode(log[name]).hex()
    return log


def _shortened(value: Any) -> Any:
    if isinstance(value, str):
        return value if len(value) <= _LONGEST_TEXT else value[:_LONGEST_TEXT] + "..."
    if isinstance(value, list):
        return [_shortened(item) for item in value]
    return {key: _shortened(item) for key, item in value.items()} if isinstance(value, dict) else value


if __name__ == "__main__":
    main()

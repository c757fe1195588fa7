"""`python -m llmflow_testkit.record_conventions [library ...]`: run instrumentation libraries, keep what they send.

Each folder's record.py or record.mjs runs against a fake provider and an OTLP receiver of its own; what it sends
becomes its recorded.json. tests/fixtures/conventions/README.md says what the scripts are told.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from llmflow_testkit.otlp_receiver import OtlpReceiver
from llmflow_testkit.providers import FakeProvider
from llmflow_testkit.recorded_conventions import FOLDER, recorded_spans
from llmflow_testkit.recording import document_of

_SCRIPT_SECONDS = 300
_INSTALL_SECONDS = 600
# The scripts' surroundings: what finds programs and packages, and nothing that instrumentations would react to.
_PASSED_ON = ("HOME", "LANG", "PATH", "PIP_INDEX_URL", "SSL_CERT_FILE", "XDG_CACHE_HOME")
_PREFIXES_PASSED_ON = ("UV_", "npm_config_", "NPM_CONFIG_")
_ADDRESSES = {"provider": "8081", "receiver": "4318"}


def main() -> None:
    parser = argparse.ArgumentParser(description="Record what instrumentation libraries send")
    parser.add_argument("libraries", nargs="*", help="folders of tests/fixtures/conventions; all when none is named")
    scripts = {script.parent.name: script for script in sorted(FOLDER.glob("*/record.*"))}
    for library in parser.parse_args().libraries or scripts:
        text = record(scripts[library])
        (FOLDER / library / "recorded.json").write_text(text)
        print(f"{library}: {len(recorded_spans(library))} spans", flush=True)


def record(script: Path) -> str:
    """Run a script in a copy of its folder; return what it sent. Raises RuntimeError with its output when it fails."""
    with (
        tempfile.TemporaryDirectory(prefix="llmflow-recording-") as place,
        FakeProvider() as provider,
        OtlpReceiver() as receiver,
    ):
        folder = Path(shutil.copytree(script.parent, Path(place) / "app"))
        environment = {
            **{name: value for name, value in os.environ.items() if _is_passed_on(name)},
            "LLMFLOW_PROVIDER_URL": provider.url,
            "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url,
            "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
            "OTEL_METRICS_EXPORTER": "none",
            "OTEL_LOGS_EXPORTER": "none",
            "DO_NOT_TRACK": "1",
            "TRACELOOP_TELEMETRY": "false",
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        if script.suffix == ".mjs":
            _run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], folder, environment, _INSTALL_SECONDS)
            command = ["node", script.name]
        else:
            command = [_uv(), "run", "--no-project", "--quiet", "--python", sys.executable, "--script", script.name]
        _run(command, folder, environment, _SCRIPT_SECONDS)
        if receiver.violations or not receiver.taken:
            raise RuntimeError(f"{script}: sent no spans, or wrong ones: {receiver.violations}")
        return document_of(
            [received.request for received in receiver.taken],
            library=script.parent.name,
            addresses={
                provider.url.rpartition(":")[2]: _ADDRESSES["provider"],
                str(receiver.port): _ADDRESSES["receiver"],
            },
            folder=folder,
        )


def _is_passed_on(name: str) -> bool:
    return name in _PASSED_ON or name.startswith(_PREFIXES_PASSED_ON)


def _uv() -> str:
    """uv where `make` finds it or has put it."""
    return shutil.which("uv") or str(Path(".make/uv/bin/uv").absolute())


def _run(command: list[str], folder: Path, environment: dict[str, str], seconds: float) -> None:
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=seconds, check=False
    )
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")


if __name__ == "__main__":
    main()

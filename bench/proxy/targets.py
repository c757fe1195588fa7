"""What is measured: LLMFlow, the floors below it and its peers, each one process on one core."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.go_programs import go_program
from bench.processes import BESIDE, MEASURED, output_of, running
from bench.proxy import installs
from llmflow_testkit.clusters.cache import BackendMissing
from llmflow_testkit.nginx import find_nginx
from llmflow_testkit.ports import free_port
from llmflow_testkit.pythonpackages import BARE_PYTHON

_ROOT = Path(__file__).parents[2]
_KEY = "Authorization: Bearer sk-proj-0123456789abcdef0123456789"
_MASTER_KEY = "sk-bench-0123456789abcdef"


@dataclass(frozen=True)
class Server:
    """A running target. `pid` is None where nothing runs between the load generator and the upstream."""

    url: str
    pid: int | None
    headers: tuple[str, ...] = (_KEY,)


Start = Callable[[str, Path], "contextlib.AbstractContextManager[Server]"]


@dataclass(frozen=True)
class Target:
    """`start(upstream, folder)` runs it in front of the upstream (`http://127.0.0.1:port`) with an empty folder."""

    name: str
    start: Start


@contextlib.contextmanager
def upstream(gap_ms: float) -> Iterator[str]:
    """The Go upstream, away from the measured core; its base URL."""
    port = free_port()
    with running([go_program("upstream"), "-listen", f"127.0.0.1:{port}", f"-gap={gap_ms}ms"], cores=BESIDE) as process:
        yield _ready(process, f"http://127.0.0.1:{port}")


def _ready(process: subprocess.Popen[bytes], url: str, headers: tuple[str, ...] = (_KEY,), seconds: float = 120) -> str:
    """Wait until the target forwards a request. Raises BackendMissing with its output when it never does."""
    command: list[str | Path] = [go_program("load"), f"-url={url}/v1/chat/completions", "-requests=1"]
    command += [f"-header={header}" for header in headers]
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and process.poll() is None:
        done = subprocess.run([*command, "-seconds=0.5"], capture_output=True, text=True, check=True)
        if '"requests":1' in done.stdout:
            return url
    raise BackendMissing(f"does not forward: {done.stdout.strip()} {output_of(process)[-1500:]}")


@contextlib.contextmanager
def _direct(upstream: str, folder: Path) -> Iterator[Server]:
    yield Server(upstream, None)


@contextlib.contextmanager
def llmflow(upstream: str, folder: Path) -> Iterator[Server]:
    """One worker with full capture and the embedded log, as `llmflow up` starts it."""
    port = free_port()
    env = {
        "LLMFLOW_HOST": "127.0.0.1",
        "PROXY_PORT": str(port),
        "LLMFLOW_WORKERS": "0",
        "LLMFLOW_BUS_URL": f"embedded://{folder}/log",
        "OPENAI_BASE_URL": f"{upstream}/v1",
    }
    with running([sys.executable, "-m", "llmflow_proxy"], cores=MEASURED, env=env) as process:
        yield Server(_ready(process, f"http://127.0.0.1:{port}"), process.pid)


def asgi(server: str, transport: str) -> Start:
    """A callable that forwards and does nothing else, under an ASGI server with an HTTP client.

    `server` is uvicorn, gunicorn or granian; `transport` one of bench.proxy.asgi_floor.TRANSPORTS.
    """

    @contextlib.contextmanager
    def start(upstream: str, folder: Path) -> Iterator[Server]:
        port = free_port()
        app = "bench.proxy.asgi_floor:app"
        env = {"BENCH_UPSTREAM": upstream, "BENCH_TRANSPORT": transport, "PYTHONPATH": str(_ROOT)}
        if server == "granian" or transport in ("httpx-aiohttp", "pyreqwest"):
            env["PYTHONPATH"] += os.pathsep + str(installs.choices())
        command = {
            "uvicorn": ["uvicorn", "--no-access-log", "--log-level=warning", f"--port={port}", app],
            "gunicorn": [
                "gunicorn",
                "--worker-class=asgi",
                f"--bind=127.0.0.1:{port}",
                "--no-control-socket",
                "--keep-alive=75",
                app,
            ],
            "granian": ["granian", "--interface=asgi", "--loop=uvloop", f"--port={port}", "--log-level=warning", app],
        }[server]
        with running([sys.executable, "-m", *command], cores=MEASURED, env=env) as process:
            yield Server(_ready(process, f"http://127.0.0.1:{port}", seconds=20), process.pid)

    return start


_NGINX = """
daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 4096; }}
http {{
  access_log off; client_max_body_size 0; keepalive_requests 1000000;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  upstream provider {{ server {upstream}; keepalive 1024; keepalive_requests 1000000; }}
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://provider; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_buffering off; proxy_request_buffering off;
    }}
  }}
}}
"""


@contextlib.contextmanager
def _nginx(upstream: str, folder: Path) -> Iterator[Server]:
    port = free_port()
    configuration = folder / "nginx.conf"
    configuration.write_text(_NGINX.format(folder=folder, port=port, upstream=upstream.removeprefix("http://")))
    # Its worker runs as another user when root starts it, and has to reach its temporary files.
    folder.chmod(0o755)
    with running([find_nginx(), "-e", folder / "error.log", "-c", configuration], cores=MEASURED) as process:
        yield Server(_ready(process, f"http://127.0.0.1:{port}"), process.pid)


_LITELLM = """
model_list:
  - model_name: gpt-4o-mini
    litellm_params: {{model: openai/gpt-4o-mini, api_base: "{upstream}/v1", api_key: sk-upstream}}
litellm_settings: {{telemetry: false}}
general_settings: {{master_key: {key}}}
"""


@contextlib.contextmanager
def _litellm(upstream: str, folder: Path) -> Iterator[Server]:
    port = free_port()
    configuration = folder / "litellm.yaml"
    configuration.write_text(_LITELLM.format(upstream=upstream, key=_MASTER_KEY))
    env = {
        "PYTHONPATH": str(installs.litellm()),
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "LITELLM_MODE": "PRODUCTION",
        "LITELLM_LOG": "ERROR",
        "NO_DOCS": "True",
    }
    command: list[str | Path] = [
        BARE_PYTHON,
        "-c",
        "from litellm import run_server; run_server()",
        "--host=127.0.0.1",
        f"--port={port}",
    ]
    command += [f"--config={configuration}", "--num_workers=1", "--telemetry=False"]
    headers = (f"Authorization: Bearer {_MASTER_KEY}",)
    with running(command, cores=MEASURED, env=env, cwd=folder) as process:
        yield Server(_ready(process, f"http://127.0.0.1:{port}", headers), process.pid, headers)


@contextlib.contextmanager
def _portkey(upstream: str, folder: Path) -> Iterator[Server]:
    port = free_port()
    headers = (_KEY, "x-portkey-provider: openai", f"x-portkey-custom-host: {upstream}/v1")
    command: list[str | Path] = ["node", installs.portkey(), "--headless", f"--port={port}"]
    with running(command, cores=MEASURED, env={"NODE_ENV": "production"}) as process:
        yield Server(_ready(process, f"http://127.0.0.1:{port}", headers, 30), process.pid, headers)


DIRECT = Target("direct", _direct)
LLMFLOW = Target("LLMFlow", llmflow)
BESIDES = (
    Target("bare ASGI", asgi("uvicorn", "own")),
    Target("nginx", _nginx),
    Target("Portkey", _portkey),
    Target("LiteLLM", _litellm),
)
SERVERS = tuple(Target(f"{server} + own", asgi(server, "own")) for server in ("uvicorn", "gunicorn", "granian"))
CLIENTS = tuple(Target(f"uvicorn + {name}", asgi("uvicorn", name)) for name in ("httpx", "httpx-aiohttp", "pyreqwest"))


@contextlib.contextmanager
def started(target: Target, upstream: str) -> Iterator[Server]:
    """The target, running, with a folder that goes when it ends. Raises BackendMissing when it cannot be had."""
    with tempfile.TemporaryDirectory(prefix="llmflow-bench-") as folder, target.start(upstream, Path(folder)) as server:
        yield server

"""`llmflow up` and `llmflow demo` as people run them."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from llmflow_testkit.polling import eventually
from llmflow_testkit.ports import free_port

pytestmark = pytest.mark.timeout(400)

AUTH = ("llmflow", "password")


class Up:
    """A data folder, five ports, and the `llmflow up` that runs on them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data_dir = folder / "data dir"
        self.ports = {
            "--port": free_port(),
            "--proxy-port": free_port(),
            "--ingest-port": free_port(),
            "--ingest-grpc-port": free_port(),
            "--zipkin-port": free_port(),
        }
        self.page_url = f"http://localhost:{self.ports['--port']}"
        self.process: subprocess.Popen[bytes] | None = None

    def command(self, **ports: int) -> list[str]:
        chosen = {**self.ports, **{f"--{name.replace('_', '-')}": port for name, port in ports.items()}}
        flags = [text for flag, port in chosen.items() for text in (flag, str(port))]
        return [sys.executable, "-m", "llmflow", "up", "--data-dir", str(self.data_dir), *flags]

    async def start(self) -> None:
        with self.log.open("ab") as log:
            written = log.tell()
            self.process = subprocess.Popen(self.command(), stdout=log, stderr=log, start_new_session=True)

        async def announced() -> bool:
            assert self.process is not None
            assert self.process.poll() is None, self.log.read_text()
            return "LLMFlow is running" in self.log.read_bytes()[written:].decode()

        await eventually(announced, within=120)

    def stop(self, number: signal.Signals) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(60)

    @property
    def log(self) -> Path:
        return self.folder / "up.log"

    def processes(self) -> list[psutil.Process]:
        """Every service and PostgreSQL server that works on this data folder, without what they have started."""
        log_url = f"embedded{(self.data_dir / 'log').as_uri().removeprefix('file')}"
        postgres = str((self.data_dir / "postgres").resolve())
        found: dict[int, tuple[psutil.Process, int]] = {}
        for process in psutil.process_iter():
            try:
                serves = process.environ().get("LLMFLOW_BUS_URL") == log_url
                if serves or any(part.startswith(postgres) for part in process.cmdline()):
                    found[process.pid] = process, process.ppid()
            except psutil.Error:
                continue
        # A backend of PostgreSQL's has its server's command line until it has given itself a name.
        return [process for process, parent in found.values() if parent not in found]

    def processor_seconds(self) -> float:
        """What all that runs has computed since its start."""
        assert self.process is not None
        running = [psutil.Process(self.process.pid), *self.processes()]
        return sum(times.user + times.system for times in (process.cpu_times() for process in running))

    def demo(self, *flags: str) -> str:
        command = [sys.executable, "-m", "llmflow", "demo", "--data-dir", str(self.data_dir), *flags]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    async def spans(self, project: str) -> int:
        """How many spans the newest 200 traces of a project have."""
        async with httpx.AsyncClient(base_url=self.page_url, auth=AUTH, trust_env=False) as api:
            page = await api.get("/api/v1/traces", params={"project": project, "limit": 200})
            assert page.status_code == 200, page.text
            return sum(trace["span_count"] for trace in page.json()["traces"])


@pytest.fixture
def up(server_dir: Path) -> Iterator[Up]:
    up = Up(server_dir)
    yield up
    if up.process is not None and up.process.poll() is None:
        up.stop(signal.SIGTERM)
    for process in up.processes():
        process.kill()


async def test_it_says_what_to_open_keeps_its_data_and_stops_cleanly(up: Up) -> None:
    await up.start()
    banner = up.log.read_text()
    assert up.page_url in banner
    assert f'base_url="http://localhost:{up.ports["--proxy-port"]}/v1"' in banner
    assert httpx.get(up.page_url, trust_env=False).status_code == 200
    assert len(up.processes()) == 6

    sent = up.demo("--traces", "50")
    assert "50 traces" in sent

    async def stored() -> bool:
        return f"({await up.spans('demo')} spans)" in sent

    await eventually(stored, within=60)
    assert up.stop(signal.SIGINT) == 0
    assert up.processes() == []
    assert "Traceback" not in up.log.read_text()

    await up.start()
    # Unlike the time on the clock, it hardly depends on what else the machine has to do.
    assert up.processor_seconds() < 15
    assert await stored()
    removed = up.demo("--remove")
    assert f"({removed.split()[1]} spans)" in sent
    assert await up.spans("demo") == 0
    assert up.stop(signal.SIGTERM) == 0


async def test_a_second_one_says_that_one_is_running(up: Up) -> None:
    await up.start()
    second = subprocess.run(up.command(), capture_output=True, text=True, timeout=120)
    assert second.returncode == 1
    assert "already running" in second.stderr
    assert up.page_url in second.stderr


async def test_nothing_that_is_left_of_a_killed_one_blocks_the_next(up: Up) -> None:
    await up.start()
    up.demo("--traces", "20")
    before = await eventually(lambda: up.spans("demo"), within=60)
    assert up.stop(signal.SIGKILL) == -signal.SIGKILL

    await up.start()

    assert await up.spans("demo") >= before
    assert up.stop(signal.SIGTERM) == 0
    assert up.processes() == []


async def test_a_service_that_dies_is_started_again(up: Up) -> None:
    await up.start()
    (writer,) = (process for process in up.processes() if process.cmdline()[-1] == "llmflow_writer")
    writer.kill()
    up.demo("--traces", "5")
    await eventually(lambda: up.spans("demo"), within=60)


async def test_a_database_that_dies_is_started_again(up: Up) -> None:
    await up.start()
    (server,) = (process for process in up.processes() if "-D" in process.cmdline())
    server.kill()
    up.demo("--traces", "5")
    await eventually(lambda: up.spans("demo"), within=60)


def test_a_taken_port_is_named_with_its_flag(up: Up) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", up.ports["--proxy-port"]))
        taken.listen()
        failed = subprocess.run(up.command(), capture_output=True, text=True, timeout=120)
    assert failed.returncode == 1
    assert f"port {up.ports['--proxy-port']} is taken" in failed.stderr
    assert "--proxy-port" in failed.stderr
    assert "Traceback" not in failed.stderr

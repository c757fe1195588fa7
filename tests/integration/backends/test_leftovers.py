"""What a killed test run leaves behind is gone once the next one begins; what others run is not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psutil

from llmflow_testkit.clusters.leftovers import run_folder

RUN = """
import sys
from llmflow_testkit.clusters import start_embedded_postgres
from llmflow_testkit.clusters.leftovers import run_folder
with run_folder() as folder, start_embedded_postgres(folder / "postgres") as server:
    print(folder, server.pid, flush=True)
    sys.stdin.read()
"""


def another_run() -> tuple[subprocess.Popen[str], Path, int]:
    """A run with one server: its process, its folder and the server's pid."""
    run = subprocess.Popen([sys.executable, "-c", RUN], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert run.stdout is not None
    folder, pid = run.stdout.readline().split()
    return run, Path(folder), int(pid)


def test_the_servers_of_a_killed_run_are_stopped_and_those_of_a_running_one_are_not() -> None:
    killed, killed_folder, orphan = another_run()
    running, running_folder, server = another_run()
    (killed_folder / "kafka.pid").write_text(str(os.getpid()))
    killed.kill()
    killed.communicate()
    for folder in (killed_folder, running_folder):
        os.utime(folder, (0, 0))
    with run_folder() as own:
        assert own.is_dir()
        assert not killed_folder.exists()
        assert not psutil.pid_exists(orphan) or psutil.Process(orphan).status() == psutil.STATUS_ZOMBIE
        assert running_folder.exists()
        assert psutil.pid_exists(server)
    running.communicate("")
    assert running.returncode == 0
    assert not own.exists()
    assert not running_folder.exists()

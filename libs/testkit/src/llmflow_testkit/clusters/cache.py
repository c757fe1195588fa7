"""Where downloaded servers are kept, outside the tree: built once, whoever asks first, and never changed after."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from llmflow_store.postgres_files import SERVER_UID, reaches


class BackendMissing(Exception):  # noqa: N818 - the outcome, not a fault of the code
    """This machine cannot provide the server; the message says what is missing."""


def cache_root() -> Path:
    """`$XDG_CACHE_HOME/llmflow`, usually `~/.cache/llmflow`.

    Root runs database servers as another user. If that one cannot reach the folder, this is `/var/cache/llmflow`.
    """
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "llmflow"
    if os.geteuid() == 0:
        home.mkdir(parents=True, exist_ok=True)
        if not reaches(SERVER_UID, home):
            home = Path("/var/cache/llmflow")
    home.mkdir(parents=True, exist_ok=True)
    return home


def built_once(name: str, build: Callable[[Path], None]) -> Path:
    """The folder `name` of the cache; if it is missing, `build` fills it, in one process while the others wait.

    `build` gets an empty folder that takes its final name only when it returns, so it must not write down its path.
    """
    target = cache_root() / name
    with locked(target.with_name(f"{name}.lock")):
        if not target.exists():
            unfinished = Path(tempfile.mkdtemp(prefix=f"{name}.", dir=target.parent))
            try:
                build(unfinished)
                unfinished.chmod(0o755)
                unfinished.rename(target)
            except BaseException:
                shutil.rmtree(unfinished, ignore_errors=True)
                raise
    return target


def require(*programs: str) -> None:
    """Raise BackendMissing unless all `programs` are installed."""
    missing = [program for program in programs if shutil.which(program) is None]
    if missing:
        raise BackendMissing(f"not installed: {', '.join(missing)}")


def run(command: Sequence[str | Path], *, timeout: float = 600) -> str:
    """Run `command` and return what it printed. Raises BackendMissing, with the end of its output, when it fails."""
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=timeout
        )
    except subprocess.TimeoutExpired:
        raise BackendMissing(f"{Path(command[0]).name} was not done after {timeout:.0f} s") from None
    output = done.stdout.decode(errors="replace")
    if done.returncode != 0:
        raise BackendMissing(f"{Path(command[0]).name} failed: {output.strip()[-1500:]}")
    return output


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock on the file `path`, made if it is missing; other processes wait for it."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield

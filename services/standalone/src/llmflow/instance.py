"""One LLMFlow per data folder: the lock that a running one holds, and the file that tells others where it is."""

from __future__ import annotations

import fcntl
import json
import os
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import platformdirs

from llmflow_core.errors import LLMFlowError


class AlreadyRunningError(LLMFlowError):
    """Another process holds the data folder; `where` is what it says of itself, if it has come that far."""

    def __init__(self, where: Where | None) -> None:
        super().__init__(f"LLMFlow is already running{f' (pid {where.pid}): {where.page_url}' if where else ''}")
        self.where = where


@dataclass(frozen=True, slots=True)
class Where:
    """How to reach a running LLMFlow."""

    pid: int
    page_url: str
    proxy_url: str
    ingest_url: str
    database_url: str


def default_data_dir() -> Path:
    """LLMFlow's folder below the user's data folder (XDG_DATA_HOME on Linux)."""
    return platformdirs.user_data_path("llmflow", appauthor=False)


def expanded(folder: Path) -> Path:
    """The whole path of a folder, which may begin with `~`. Raises ValueError for the home of nobody."""
    try:
        return folder.expanduser().absolute()
    except RuntimeError as error:
        raise ValueError(f"{folder} is in nobody's home") from error


def log_url(data_dir: Path) -> str:
    """The message log of the LLMFlow that runs on `data_dir`, as `open_bus` takes it."""
    return f"embedded{(data_dir.absolute() / 'log').as_uri().removeprefix('file')}"


class Instance(AbstractContextManager["Instance"]):
    """The right to use `data_dir`, held while the context is open; the kernel ends it with the process.

    Entering raises AlreadyRunningError when another process has it, and OSError for a folder that cannot be written to.
    """

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._lock = -1

    def __enter__(self) -> Self:
        self._data_dir.mkdir(mode=0o711, parents=True, exist_ok=True)
        self._lock = os.open(self._data_dir / "llmflow.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._lock)
            raise AlreadyRunningError(read_where(self._data_dir)) from None
        _where_file(self._data_dir).unlink(missing_ok=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _where_file(self._data_dir).unlink(missing_ok=True)
        os.close(self._lock)

    def announce(self, where: Where) -> None:
        """Tell other processes of this user where this LLMFlow is. The file holds the database's password."""
        path = _where_file(self._data_dir)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(asdict(where), file)


def read_where(data_dir: Path) -> Where | None:
    """What the LLMFlow that runs on `data_dir` says of itself; None if none does, it is still starting, or it is not
    this user's."""
    try:
        return Where(**json.loads(_where_file(data_dir).read_text()))
    except (OSError, ValueError, TypeError):
        return None


def _where_file(data_dir: Path) -> Path:
    return data_dir / "running.json"

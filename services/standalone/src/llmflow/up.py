"""`llmflow up`: every service on this machine, on an embedded log and an embedded PostgreSQL."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

from llmflow.instance import Instance, Where, log_url
from llmflow.supervisor import Service, Supervisor
from llmflow_core.errors import ConfigError, LLMFlowError
from llmflow_store.embedded_postgres import EmbeddedPostgres

logger = logging.getLogger(__name__)

_FRONTEND = Path(__file__).parent / "page"
#: Size of the database when nobody says otherwise, so that a machine's disk does not fill up unseen.
_DATABASE_SIZE = "10GB"
_ANY_DATABASE = "postgresql://llmflow@localhost/llmflow"
#: How often the embedded PostgreSQL is looked at, in seconds.
_LOOK_SECONDS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the command line says; a port's flag is its name with dashes."""

    data_dir: Path
    host: str
    port: int
    proxy_port: int
    ingest_port: int
    ingest_grpc_port: int
    zipkin_port: int

    @property
    def ports(self) -> dict[str, int]:
        """Every port that is listened on, by its flag."""
        return {
            "--port": self.port,
            "--proxy-port": self.proxy_port,
            "--ingest-port": self.ingest_port,
            "--ingest-grpc-port": self.ingest_grpc_port,
            "--zipkin-port": self.zipkin_port,
        }

    def url(self, port: int) -> str:
        """How a program on this machine reaches `port`."""
        host = "localhost" if self.host in ("127.0.0.1", "0.0.0.0", "::", "::1") else self.host  # noqa: S104
        return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def up(options: Options) -> None:
    """Run until Ctrl-C or SIGTERM. Raises LLMFlowError when it cannot start, with what to do about it."""
    try:
        with Instance(options.data_dir) as instance:
            _check_ports(options)
            _check_settings(options)
            asyncio.run(_run(options, instance))
    except OSError as error:
        raise LLMFlowError(f"cannot work in {options.data_dir} (--data-dir): {error}") from error


def _check_ports(options: Options) -> None:
    # For a socket, an empty host is every address.
    if not options.host or obstacle(options.host, 0):
        raise ConfigError([f"{options.host!r} is no address of this machine: choose another with --host"])
    closed = [
        f"port {port} {found}: choose another with {flag}"
        for flag, port in options.ports.items()
        if (found := obstacle(options.host, port))
    ]
    listened = [port for port in options.ports.values() if port]
    twice = [f"port {port} is given twice" for port in sorted(set(listened)) if listened.count(port) > 1]
    if closed or twice:
        raise ConfigError([*closed, *twice])


def _check_settings(options: Options) -> None:
    """Raises ConfigError with all that services would refuse, before any of them is started."""
    given = {service.name: dict(service.environment) for service in services(options, _ANY_DATABASE)}
    given["migrate"] = {"LLMFLOW_DATABASE_URL": _ANY_DATABASE}
    # A process of its own, for the models need memory that this one would keep.
    check = subprocess.run(
        [sys.executable, "-m", "llmflow.settings_check"],
        input=json.dumps(given),
        stdout=subprocess.PIPE,
        text=True,
        check=False,
        # Ctrl-C reaches this process alone, which then ends the other.
        process_group=0,
    )
    if check.returncode != 0:
        raise LLMFlowError("the settings could not be checked; the lines above say why")
    if problems := json.loads(check.stdout):
        raise ConfigError(problems)


def obstacle(host: str, port: int) -> str | None:
    """What keeps a program of this user from listening on `port` now; None if nothing does."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except PermissionError:
            return "needs rights that this user lacks"
        except OSError:
            return "is taken"
    return None


async def _run(options: Options, instance: Instance) -> None:
    stop = asyncio.Event()
    with _on_signals(stop):
        async with _database(options.data_dir, stop) as database_url:
            if stop.is_set():
                return
            supervisor = Supervisor(services(options, database_url))
            try:
                starting = asyncio.create_task(supervisor.start())
                stopping = asyncio.create_task(stop.wait())
                await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
                if starting.done():
                    await starting
                    where = _where(options, database_url)
                    instance.announce(where)
                    print(_banner(where, options), flush=True)
                    watching = asyncio.create_task(supervisor.watch())
                    await asyncio.wait({stopping, watching}, return_when=asyncio.FIRST_COMPLETED)
                    if watching.done():
                        watching.result()
                    watching.cancel()
                    print("stopping ...", flush=True)
                else:
                    starting.cancel()
            finally:
                await supervisor.stop()


@contextlib.contextmanager
def _on_signals(stop: asyncio.Event) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stop.set)
    try:
        yield
    finally:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.remove_signal_handler(number)


@contextlib.asynccontextmanager
async def _database(data_dir: Path, stop: asyncio.Event) -> AsyncIterator[str]:
    """The embedded PostgreSQL, migrated unless `stop` is set meanwhile, and started again if it dies."""
    postgres = EmbeddedPostgres(data_dir / "postgres")
    database_url = await asyncio.to_thread(postgres.start)
    try:
        await _migrate(database_url, stop)
        keeper = asyncio.create_task(_keep_running(postgres))
        try:
            yield database_url
        finally:
            keeper.cancel()
            await asyncio.gather(keeper, return_exceptions=True)
    finally:
        await asyncio.to_thread(postgres.stop)


async def _migrate(database_url: str, stop: asyncio.Event) -> None:
    """Bring the schema up to date; when `stop` is set, what has come to its end stays and the rest is left to the next
    start."""
    # A process of its own, for asyncpg and the migrations need memory that this one would keep.
    migration = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "llmflow_store", "migrate", "--refuse-newer"),
        env={**os.environ, "LLMFLOW_DATABASE_URL": database_url},
        # Ctrl-C reaches this process alone, which then stops the other.
        process_group=0,
    )
    ending, stopping = asyncio.create_task(migration.wait()), asyncio.create_task(stop.wait())
    await asyncio.wait({ending, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not ending.done():
        migration.terminate()
        await ending
    elif ending.result() != 0:
        raise LLMFlowError("the database's schema could not be brought up to date; the lines above say why")


async def _keep_running(postgres: EmbeddedPostgres) -> None:
    while True:
        await asyncio.sleep(_LOOK_SECONDS)
        if postgres.pid is None:
            logger.warning("PostgreSQL ended, starting it again; its log is %s", postgres.log_file)
            try:
                await asyncio.to_thread(postgres.stop)
                await asyncio.to_thread(postgres.start)
            except LLMFlowError as error:
                logger.error("PostgreSQL does not start: %s", error)


def services(options: Options, database_url: str) -> list[Service]:
    """The services in the order in which they stop: first those that take spans in, last those that show them."""
    host = options.host
    local = {
        "LLMFLOW_BUS_URL": log_url(options.data_dir),
        "LLMFLOW_HOST": host,
        "LLMFLOW_WORKERS": "0",
        "LLMFLOW_HEALTH_PORT": "0",
        # glibc gives every thread an arena of its own and keeps what is freed in it; small services need neither.
        "MALLOC_ARENA_MAX": "2",
        "MALLOC_TRIM_THRESHOLD_": "131072",
    }
    database = {"LLMFLOW_DATABASE_URL": database_url}
    size = os.environ.get("LLMFLOW_MAX_DATABASE_SIZE") or _DATABASE_SIZE
    token = {"LLMFLOW_KEYS_TOKEN": secrets.token_hex(32)}
    secret_key = {"LLMFLOW_SECRET_KEY": os.environ.get("LLMFLOW_SECRET_KEY") or _secret_key(options.data_dir)}
    office = {**token, "LLMFLOW_KEYS_URL": options.url(options.port)}
    keys = {
        **office,
        "LLMFLOW_KEYS_FILE": str(options.data_dir / "keys.json"),
    }
    return [
        Service(
            "proxy",
            "llmflow_proxy",
            {
                **local,
                **keys,
                "PROXY_PORT": str(options.proxy_port),
                "LLMFLOW_SPOOL_DIR": str(options.data_dir / "spool"),
            },
            f"{options.url(options.proxy_port)}/readyz",
        ),
        Service(
            "ingest",
            "llmflow_ingest",
            {
                **local,
                **keys,
                "LLMFLOW_INGEST_HTTP_PORT": str(options.ingest_port),
                "LLMFLOW_INGEST_GRPC_PORT": str(options.ingest_grpc_port),
                "LLMFLOW_INGEST_ZIPKIN_PORT": str(options.zipkin_port),
            },
            f"{options.url(options.ingest_port)}/readyz",
        ),
        Service("writer", "llmflow_writer", {**local, **database, "LLMFLOW_MAX_DATABASE_SIZE": size}),
        Service("exporter", "llmflow_exporter", {**local, **office, **secret_key}),
        Service(
            "query-api",
            "llmflow_query_api",
            {
                **local,
                **database,
                **token,
                **secret_key,
                "PORT": str(options.port),
                "LLMFLOW_INGEST_URL": options.url(options.ingest_port),
                "LLMFLOW_PROXY_ADDRESS": os.environ.get("LLMFLOW_PROXY_ADDRESS") or str(options.proxy_port),
                "LLMFLOW_OTLP_ADDRESS": os.environ.get("LLMFLOW_OTLP_ADDRESS") or str(options.ingest_port),
                **({"LLMFLOW_FRONTEND_DIR": str(_FRONTEND)} if _FRONTEND.is_dir() else {}),
            },
            f"{options.url(options.port)}/readyz",
        ),
    ]


def _secret_key(data_dir: Path) -> str:
    """What encrypts the secrets in the database of this data folder; made on first use, and kept beside it."""
    file = data_dir / "secret.key"
    if not file.exists():
        # It gets its name last: what a full disk has left of it is no key.
        unfinished = file.with_suffix(".new")
        with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as written:
            written.write(secrets.token_hex(32))
        unfinished.rename(file)
    return file.read_text()


def _where(options: Options, database_url: str) -> Where:
    return Where(
        pid=os.getpid(),
        page_url=options.url(options.port),
        proxy_url=options.url(options.proxy_port),
        ingest_url=options.url(options.ingest_port),
        database_url=database_url,
    )


def _command() -> str:
    """How this command is called from the shell that it was started in."""
    found = shutil.which("llmflow")
    beside = Path(sys.executable).with_name("llmflow")
    return os.path.relpath(beside) if found is None and beside.is_file() else "llmflow"


def _banner(where: Where, options: Options) -> str:
    user = os.environ.get("AUTH_USERNAME") or "llmflow"
    password = "the password in AUTH_PASSWORD" if os.environ.get("AUTH_PASSWORD") else 'password "password"'
    return f"""
LLMFlow is running. Ctrl-C stops it; the data stays in {options.data_dir}

  Open      {where.page_url}   (user {user}, {password})
  Proxy     {where.proxy_url}/v1   (OpenAI, Anthropic and others)
  OTLP      {where.ingest_url}   (http), {options.url(options.ingest_grpc_port).removeprefix("http://")} (grpc)

Paste into your program:

  from openai import OpenAI
  client = OpenAI(base_url="{where.proxy_url}/v1")      # your own API key, as before

or, for what is instrumented already:

  export OTEL_EXPORTER_OTLP_ENDPOINT={where.ingest_url}

No program at hand? `{_command()} demo` sends sample traffic to the project "demo".
"""

"""How a service's ASGI application is served: gunicorn with uvicorn workers, or one uvicorn in this very process."""

from __future__ import annotations

import socket
import sys
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from llmflow_core.errors import ConfigError

#: How long a stopping server lets requests in flight finish where nobody says otherwise, in seconds.
GRACE_SECONDS = 25
#: And how long its application may then take to end: to flush what it holds, say.
END_SECONDS = 15
#: An application sets this in the scope of a request whose answer has no end by itself: a stopping server hangs up.
ENDLESS = "llmflow.endless"
#: The server sets this in the scope of a request that it hung up on: "body" or "answer" is what the client did not send
#: or read for too long.
WAITED_FOR = "llmflow.waited_for"
#: How long an idle connection is kept; longer than the usual client's and load balancer's pool.
KEEP_ALIVE_SECONDS = 75


@dataclass(frozen=True)
class Patience:
    """How many seconds a server waits for a client before it hangs up: for the whole `head` of a request, for the next
    byte of a `body`, and for the client to read on in an `answer` (on Linux; elsewhere without end). Once it is told to
    `stop`, requests in flight have so long to finish."""

    head: float = 30.0
    body: float = 60.0
    answer: float = 120.0
    stop: int = GRACE_SECONDS


#: Long enough for a bad network, and no longer.
USUAL_PATIENCE = Patience()


def serve(
    factory: str,
    *,
    host: str,
    port: int,
    workers: int,
    date_header: bool = True,
    also_port: int | None = None,
    patience: Patience = USUAL_PATIENCE,
) -> None:
    """Serve the application that `factory` ("module:function") makes until SIGTERM or SIGINT.

    It answers the same on `also_port`, if given. With `workers` of 1 or more gunicorn supervises that many processes,
    each calling the factory after the fork, and replaces one that dies. With 0 this process serves by itself, for when
    somebody else supervises it. `date_header` False is for an application whose answers bring their own.

    Raises ConfigError, or ends the process with a line in the log, when a port is taken.
    """
    ports = [port, also_port] if also_port else [port]
    if workers == 0:
        _serve_here(factory, host, ports, date_header, patience)
    else:
        _serve_with_gunicorn(factory, host, ports, workers, date_header, patience)


def _serve_here(factory: str, host: str, ports: list[int], date_header: bool, patience: Patience) -> None:
    import uvicorn

    from llmflow_core.http_protocol import protocol_with

    config = uvicorn.Config(
        factory,
        factory=True,
        host=host,
        port=ports[0],
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=date_header,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=patience.stop,
        http=protocol_with(patience),
        ws="none",
    )
    config.load_app()
    server = uvicorn.Server(config)
    # uvicorn itself binds one port only.
    with ExitStack() as stack:
        sockets = [stack.enter_context(_listen(host, port)) for port in ports] if len(ports) > 1 else None
        with suppress(KeyboardInterrupt):
            server.run(sockets)
    if not server.started:
        sys.exit(1)


def _listen(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise ConfigError([f"cannot listen on {host}:{port}: {error.strerror}"]) from None


def _serve_with_gunicorn(
    factory: str, host: str, ports: list[int], workers: int, date_header: bool, patience: Patience
) -> None:
    from gunicorn.app.base import BaseApplication

    from llmflow_core.gunicorn_worker import worker_with

    class Application(BaseApplication):  # type: ignore[misc]
        def load_config(self) -> None:
            self.cfg.set("bind", [f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for port in ports])
            self.cfg.set("workers", workers)
            self.cfg.set("worker_class", worker_with(patience, date_header=date_header))
            self.cfg.set("keepalive", KEEP_ALIVE_SECONDS)
            self.cfg.set("graceful_timeout", patience.stop + END_SECONDS)
            self.cfg.set("control_socket_disable", True)

        def load(self) -> Any:
            module, _, function = factory.partition(":")
            return getattr(import_module(module), function)()

    Application().run()

"""How a service's ASGI application is served: gunicorn with uvicorn workers, or one uvicorn in this very process."""

from __future__ import annotations

from importlib import import_module
from typing import Any

#: How long a stopping server lets requests in flight finish, in seconds.
GRACE_SECONDS = 30
#: How long an idle connection is kept; longer than the usual client's and load balancer's pool.
KEEP_ALIVE_SECONDS = 75


def serve(factory: str, *, host: str, port: int, workers: int) -> None:
    """Serve the application that `factory` ("module:function") makes until SIGTERM or SIGINT.

    With `workers` of 1 or more gunicorn supervises that many processes, each calling the factory after the fork, and
    replaces one that dies. With 0 this process serves by itself, for when somebody else supervises it.
    """
    if workers == 0:
        _serve_here(factory, host, port)
    else:
        _serve_with_gunicorn(factory, host, port, workers)


def _serve_here(factory: str, host: str, port: int) -> None:
    import uvicorn

    uvicorn.run(
        factory,
        factory=True,
        host=host,
        port=port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )


def _serve_with_gunicorn(factory: str, host: str, port: int, workers: int) -> None:
    from gunicorn.app.base import BaseApplication

    class Application(BaseApplication):  # type: ignore[misc]
        def load_config(self) -> None:
            self.cfg.set("bind", f"[{host}]:{port}" if ":" in host else f"{host}:{port}")
            self.cfg.set("workers", workers)
            self.cfg.set("worker_class", "llmflow_core.gunicorn_worker.Worker")
            self.cfg.set("keepalive", KEEP_ALIVE_SECONDS)
            self.cfg.set("graceful_timeout", GRACE_SECONDS)
            self.cfg.set("control_socket_disable", True)

        def load(self) -> Any:
            module, _, function = factory.partition(":")
            return getattr(import_module(module), function)()

    Application().run()

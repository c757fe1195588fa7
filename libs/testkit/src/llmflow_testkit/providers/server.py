"""An ASGI application served by uvicorn in a thread of this process."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any, Literal, Self

import uvicorn

from llmflow_testkit.ports import free_port

_START_SECONDS = 60.0


class BackgroundServer(AbstractContextManager["BackgroundServer"]):
    """Serves `app` on a free port of 127.0.0.1 between enter and exit; `url` is where.

    Sends no header of its own, so that a test sees what the application says and nothing else. Entering raises
    RuntimeError when the application's lifespan does not start. `http` is uvicorn's protocol, `grace` how many seconds
    requests have to end when it stops.
    """

    def __init__(
        self,
        app: Any,
        *,
        port: int | None = None,
        http: type[asyncio.Protocol] | Literal["auto"] = "auto",
        grace: int = 5,
    ) -> None:
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._server = uvicorn.Server(
            uvicorn.Config(
                app,
                http=http,
                log_config=None,
                access_log=False,
                server_header=False,
                date_header=False,
                timeout_graceful_shutdown=grace,
            )
        )
        self._thread = threading.Thread(target=self._serve, name=f"server-{self.port}", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        deadline = time.monotonic() + _START_SECONDS
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > deadline:
                raise RuntimeError("the application did not start")
            time.sleep(0.005)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Let requests in flight finish, run the application's shutdown and stop. Idempotent."""
        self._server.should_exit = True
        self._thread.join()

    def _serve(self) -> None:
        with socket.socket() as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(("127.0.0.1", self.port))
            self._server.run(sockets=[listener])

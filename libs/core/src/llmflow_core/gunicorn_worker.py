"""gunicorn's workers for LLMFlow's applications."""

from __future__ import annotations

import os
import signal
from typing import Any, ClassVar

from uvicorn_worker import UvicornWorker

from llmflow_core.http_protocol import protocol_with
from llmflow_core.serving import Patience


class Worker(UvicornWorker):  # type: ignore[misc]
    """A uvicorn worker that logs no access lines and sends no server header."""

    CONFIG_KWARGS: ClassVar[dict[str, Any]] = {
        "loop": "auto",
        "ws": "none",
        "server_header": False,
        "access_log": False,
        "log_config": None,
    }

    async def callback_notify(self) -> None:
        """Tell the supervisor that this worker lives, or end like any other server when the supervisor is gone."""
        self.notify()
        if os.getppid() != self.ppid:
            signal.raise_signal(signal.SIGTERM)


def worker_with(patience: Patience, *, date_header: bool) -> type[Worker]:
    """The worker whose server waits so long for clients. `date_header` False leaves that header to the application."""

    class PatientWorker(Worker):
        CONFIG_KWARGS: ClassVar[dict[str, Any]] = {
            **Worker.CONFIG_KWARGS,
            "http": protocol_with(patience),
            # uvicorn would wait for what is in flight until the supervisor loses patience and kills it, flushed or not.
            "timeout_graceful_shutdown": patience.stop,
            "date_header": date_header,
        }

    return PatientWorker

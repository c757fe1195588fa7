"""gunicorn's workers for LLMFlow's applications."""

from __future__ import annotations

import os
import signal
from typing import Any, ClassVar

from uvicorn_worker import UvicornWorker

from llmflow_core.http_protocol import LimitedHttpProtocol
from llmflow_core.serving import GRACE_SECONDS


class Worker(UvicornWorker):  # type: ignore[misc]
    """A uvicorn worker that logs no access lines and sends no server header."""

    CONFIG_KWARGS: ClassVar[dict[str, Any]] = {
        "loop": "auto",
        "http": LimitedHttpProtocol,
        # uvicorn would wait for requests in flight until the supervisor loses patience and kills it, flushed or not.
        "timeout_graceful_shutdown": GRACE_SECONDS,
        "server_header": False,
        "access_log": False,
        "log_config": None,
    }

    async def callback_notify(self) -> None:
        """Tell the supervisor that this worker lives, or end like any other server when the supervisor is gone."""
        self.notify()
        if os.getppid() != self.ppid:
            signal.raise_signal(signal.SIGTERM)


class DatelessWorker(Worker):
    """One that leaves the Date header to the application: the proxy's answers bring the provider's."""

    CONFIG_KWARGS: ClassVar[dict[str, Any]] = {**Worker.CONFIG_KWARGS, "date_header": False}

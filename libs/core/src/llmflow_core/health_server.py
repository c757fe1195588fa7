"""The health port of a process whose work is not HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager

import uvicorn

from llmflow_core.errors import ConfigError
from llmflow_core.health import Check, Document, health_app


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the process."""
        yield


@asynccontextmanager
async def health_server(
    checks: Mapping[str, Check],
    *,
    host: str,
    port: int,
    documents: Mapping[str, Document] | None = None,
    problems: Mapping[str, Document] | None = None,
) -> AsyncIterator[None]:
    """Answer probes and Prometheus, and show `documents` by their paths, while the block runs: see `health_app`.

    Raises ConfigError when the port is taken.
    """
    config = uvicorn.Config(
        health_app(checks, documents, problems),
        host=host,
        port=port,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
    )
    try:
        listener = config.bind_socket()
    except SystemExit:
        raise ConfigError([f"LLMFLOW_HEALTH_PORT: cannot listen on {host}:{port}, is it taken?"]) from None
    server = _Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield
    finally:
        server.should_exit = True
        await serving
        listener.close()

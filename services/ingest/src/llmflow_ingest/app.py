"""The receiver as an ASGI application, with the gRPC server in its lifespan."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from litestar import Litestar, asgi
from litestar.config.cors import CORSConfig
from litestar.di import Provide

from llmflow_bus import Bus, open_bus
from llmflow_core.config import load_settings
from llmflow_core.errors import Retryable
from llmflow_core.garbage import collect_rarely
from llmflow_core.health import PATHS, health_app
from llmflow_core.key_refresh import key_refresher
from llmflow_core.telemetry import setup_logging
from llmflow_ingest.access import Access
from llmflow_ingest.http import error_answer, export, export_zipkin
from llmflow_ingest.limits import InFlight, Limits
from llmflow_ingest.log import Log
from llmflow_ingest.receiver import Receiver
from llmflow_ingest.settings import IngestSettings

logger = logging.getLogger(__name__)


def create_app(settings: IngestSettings, *, bus: Bus | None = None) -> Litestar:
    """The application; it opens nothing before its lifespan. `bus` replaces the one that the settings name."""
    bus = bus or open_bus(settings.bus_url)
    log = Log(bus)
    receiver = Receiver(log)
    keys = key_refresher(settings)
    access = Access(keys, required=settings.keys_required)
    limits = Limits(
        max_body=settings.ingest_max_body,
        body_timeout=settings.ingest_body_timeout,
        in_flight=InFlight(settings.ingest_max_in_flight),
    )

    @asynccontextmanager
    async def lifespan(_: Litestar) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            stack.push_async_callback(bus.close)
            if keys:
                await stack.enter_async_context(keys)
            try:
                await log.producer()
            except Retryable as error:
                logger.warning("the log is away, requests are refused until it is back: %s", error)
            if settings.ingest_grpc_port:
                from llmflow_ingest.rpc import start_server  # costs memory that a deployment without gRPC saves

                server = await start_server(
                    receiver,
                    access,
                    limits,
                    host=settings.host,
                    port=settings.ingest_grpc_port,
                    shared=settings.workers > 1,
                )
                stack.push_async_callback(server.stop, grace=10)
            yield

    return Litestar(
        route_handlers=[
            export,
            export_zipkin,
            asgi(sorted(PATHS), copy_scope=True)(health_app({"log": log.healthy})),
        ],
        lifespan=[lifespan],
        dependencies={
            "receiver": Provide(lambda: receiver, sync_to_thread=False),
            "access": Provide(lambda: access, sync_to_thread=False),
            "limits": Provide(lambda: limits, sync_to_thread=False),
        },
        request_max_body_size=settings.ingest_max_body,
        exception_handlers={Exception: error_answer},
        cors_config=_cors(settings.ingest_cors_origins),
        openapi_config=None,
        logging_config=None,
    )


def _cors(origins: tuple[str, ...]) -> CORSConfig | None:
    if not origins:
        return None
    return CORSConfig(allow_origins=list(origins), allow_methods=["POST"], allow_headers=["*"], max_age=7200)


def from_environment() -> Litestar:
    """The application that the environment describes: what the server's workers run."""
    settings = load_settings(IngestSettings)
    setup_logging("ingest", verbose=settings.verbose)
    collect_rarely()
    return create_app(settings)

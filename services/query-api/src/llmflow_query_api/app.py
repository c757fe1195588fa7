"""The query API as an ASGI application, with the page and the OTLP paths beside it where they are wanted."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from http import HTTPStatus

from litestar import HttpMethod, Litestar, asgi, route
from litestar.di import Provide
from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp, ControllerRouterHandler

from llmflow_core.config import load_settings
from llmflow_core.garbage import collect_rarely
from llmflow_core.health import PATHS as HEALTH_PATHS
from llmflow_core.health import health_app
from llmflow_core.telemetry import setup_logging
from llmflow_query_api import forward, problems
from llmflow_query_api.alerting.desk import AlertDesk
from llmflow_query_api.auth import Gate, Sessions
from llmflow_query_api.compression import COMPRESSION
from llmflow_query_api.internal import internal_router
from llmflow_query_api.jaeger import jaeger_router
from llmflow_query_api.key_access import KeyGate
from llmflow_query_api.leaving import AS_IT_IS
from llmflow_query_api.limits import EXPORTS, HEAVY, Limits
from llmflow_query_api.live import LiveHub
from llmflow_query_api.openapi import api_router, provide_store
from llmflow_query_api.page import page_app
from llmflow_query_api.prometheus import PATH as METRICS_PATH
from llmflow_query_api.prometheus import UsageCache, get_metrics
from llmflow_query_api.resealing import resealing
from llmflow_query_api.settings import QueryApiSettings
from llmflow_store import open_store
from llmflow_store.port import Store

#: The sketches of a chart, or the spans of a large trace: what is alive is an answer on its way.
OBJECTS = 100_000


def create_app(settings: QueryApiSettings, *, store: Store | None = None) -> Litestar:
    """The application; it opens nothing before its lifespan. `store` replaces the one that the settings name, and is
    closed with the application all the same."""
    ingest = forward.new_client() if settings.ingest_url else None

    @asynccontextmanager
    async def lifespan(app: Litestar) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            stack.push_async_callback(app.state.store.close)
            await stack.enter_async_context(app.state.alerts.open())
            if app.state.secret_box and app.state.settings.old_secret_key:
                await stack.enter_async_context(resealing(app.state.store, app.state.secret_box))
            if ingest:
                await stack.enter_async_context(ingest)
            yield

    async def store_is_healthy() -> bool:
        return bool(await app.state.store.healthy())

    handlers: list[ControllerRouterHandler] = [
        api_router(),
        internal_router({"store": Provide(provide_store)}),
        jaeger_router({"store": Provide(provide_store)}),
        get_metrics,
        asgi(sorted(HEALTH_PATHS - {METRICS_PATH}), copy_scope=True)(health_app({"database": store_is_healthy})),
    ]
    if ingest:
        handlers.append(_route(forward.PATHS, forward.forward_app(str(settings.ingest_url), ingest), AS_IT_IS))
    if settings.frontend_dir:
        handlers.append(_route(["/", "/{path:path}"], page_app(settings.frontend_dir), AS_IT_IS))
    app = Litestar(
        handlers,
        lifespan=[lifespan],
        exception_handlers=problems.HANDLERS,
        compression_config=COMPRESSION,
        openapi_config=None,
        logging_config=None,
    )
    equip(app, settings, store=store)
    return app


def equip(app: Litestar, settings: QueryApiSettings, *, store: Store | None = None) -> None:
    """Give an application that is not open all that its routes work with, new. The routes themselves, which take a
    third of a second to make, stay: those for `ingest_url` and `frontend_dir` are as `create_app` was told."""
    store = store or open_store(
        settings.database_url, max_size=settings.database_connections, statement_seconds=settings.query_timeout
    )
    app.state.store = store
    app.state.settings = settings
    app.state.gate = _gate(settings, store)
    app.state.alerts = AlertDesk(settings, store)
    app.state.key_gate = KeyGate(store)
    app.state.usage_cache = UsageCache(store)
    app.state.metrics_access = settings.metrics_access
    app.state.limits = Limits({HEAVY: settings.heavy_queries, EXPORTS: settings.exports})
    app.state.live = LiveHub(
        store, heartbeat_seconds=settings.live_heartbeat_seconds, most_clients=settings.live_clients
    )
    app.state.secret_box = app.state.alerts.box
    app.state.keys_token = settings.keys_token.get_secret_value() if settings.keys_token else None


def _route(paths: list[str], app: ASGIApp, *marks: str) -> HTTPRouteHandler:
    """Hands every request of `paths` to `app`, as Litestar's `asgi` does for paths without parameters."""

    @route(paths, http_method=list(HttpMethod), status_code=HTTPStatus.OK, opt=dict.fromkeys(marks, True))
    async def hand_over() -> ASGIApp:
        return app

    return hand_over


def _gate(settings: QueryApiSettings, store: Store) -> Gate:
    async def key() -> bytes:
        if settings.session_secret:
            return settings.session_secret.get_secret_value().encode()
        return await store.secret("session")

    password = settings.auth_password.get_secret_value()
    sessions = Sessions(key, password=password, lifetime_seconds=settings.session_hours * 3600)
    return Gate(settings.auth_username, password, sessions)


def from_environment() -> Litestar:
    """The application that the environment describes: what the server's workers run."""
    settings = load_settings(QueryApiSettings)
    setup_logging("query-api", verbose=settings.verbose)
    app = create_app(settings)
    collect_rarely(OBJECTS)
    return app

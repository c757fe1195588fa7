"""Applications of the query API whose routes, a third of a second to make, serve one test after the other."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from litestar import Litestar

from llmflow_query_api.app import create_app, equip
from llmflow_query_api.settings import QueryApiSettings
from llmflow_store import Store

_idle: dict[Path | None, list[Litestar]] = defaultdict(list)


@contextmanager
def query_api_app(settings: QueryApiSettings, *, store: Store | None = None) -> Iterator[Litestar]:
    """What `create_app` returns, for nobody else within the context; nothing but its routes outlives it."""
    if settings.ingest_url:
        # Its client of the receivers can be opened only once.
        yield create_app(settings, store=store)
        return
    idle = _idle[settings.frontend_dir]
    if idle:
        app = idle.pop()
        equip(app, settings, store=store)
    else:
        app = create_app(settings, store=store)
    yield app
    idle.append(app)

"""Every route of the query API, for tests of what must hold for all of them, those to come included."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from litestar.routes import HTTPRoute

from llmflow_core.destinations.exchange import NOTE_PATH, PAGE_PATH, SYNC_PATH
from llmflow_core.key_refresh import SNAPSHOT_PATH, USED_PATH
from llmflow_query_api.app import create_app
from llmflow_query_api.key_access import FOR_KEYS
from llmflow_query_api.settings import QueryApiSettings

_INTERNAL = {SNAPSHOT_PATH, USED_PATH, SYNC_PATH, PAGE_PATH, NOTE_PATH}
#: Routes that know no users, or ask for the services' token.
_OPEN = {"/api/v1/login", "/api/v1/logout", "/api/v1/session", *_INTERNAL}
#: Answers without an end, which tests of their own try.
_ENDLESS = {"/api/v1/stream"}
#: Routes for keys that belong to no project: what they show is the same for everybody, or chosen by the key.
_WITHOUT_PROJECT = {"/api/v1/openapi.json", "/api/v1/projects", "/api/v1/filter-fields"}


@dataclass(frozen=True, order=True)
class ApiRoute:
    """One method of one path, which has its parameters in braces; `for_keys` says whether API keys may use it."""

    path: str
    method: str
    for_keys: bool

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def of_a_project(self) -> bool:
        """Whether it shows or changes what belongs to one project, and keys may use it."""
        return self.for_keys and self.path not in _WITHOUT_PROJECT

    @property
    def changes(self) -> bool:
        """Whether it changes something."""
        return self.method != "GET"

    def url(self, parameters: dict[str, str], query: str = "") -> str:
        """The path with its parameters filled in, those without a value by `x`."""
        path = re.sub(r"{(\w+)}", lambda name: parameters.get(name[1], "x"), self.path)
        return f"{path}?{query}"


def api_routes() -> list[ApiRoute]:
    """Every route that asks who is there, and whose answer ends."""
    return sorted(_routes())


def _routes() -> Iterator[ApiRoute]:
    for route in create_app(QueryApiSettings(host="127.0.0.1")).routes:
        if not isinstance(route, HTTPRoute) or route.path in _OPEN | _ENDLESS:
            continue
        for handler in route.route_handlers:
            for method in handler.http_methods - {"OPTIONS", "HEAD"}:
                path = re.sub(r"{(\w+):\w+}", r"{\1}", route.path_format)
                yield ApiRoute(path, str(method), bool(handler.opt.get(FOR_KEYS)))

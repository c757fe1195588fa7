"""The API's routes and their OpenAPI document; `python -m llmflow_query_api.openapi [file]` writes it."""

from __future__ import annotations

import sys
from functools import cache
from inspect import getdoc
from pathlib import Path
from typing import Any

import msgspec
from litestar import Litestar, MediaType, Request, Router, get
from litestar.di import Provide
from litestar.openapi import OpenAPIConfig
from litestar.openapi.spec import Components, License, SecurityScheme, Tag
from litestar.response import Response

from llmflow_core import messages
from llmflow_query_api import (
    addresses,
    administration_schemas,
    alert_schemas,
    analytics_schemas,
    destination_schemas,
    directory_schemas,
    export_schemas,
    live_schemas,
    price_schemas,
    schemas,
    score_schemas,
    signal_schemas,
    view_schemas,
)
from llmflow_query_api.addresses import get_addresses
from llmflow_query_api.alert_changes import provide_alerts
from llmflow_query_api.alert_channels import delete_channel, list_channels, save_channel, test_channel
from llmflow_query_api.alert_rules import (
    change_rule,
    create_rule,
    delete_rule,
    list_history,
    list_rules,
    silence_rule,
    test_rule,
)
from llmflow_query_api.analytics import analyse, analytics_query, list_facets, list_filter_fields
from llmflow_query_api.audit import list_audit
from llmflow_query_api.auth import COOKIE, Gate, same_origin
from llmflow_query_api.budgets import (
    change_budget,
    create_budget,
    delete_budget,
    list_budgets,
    silence_budget,
    test_budget,
)
from llmflow_query_api.coding_tools import list_coding_sessions, list_coding_tools
from llmflow_query_api.destination_jobs import cancel_job, create_replay, list_jobs, show_job, test_destination
from llmflow_query_api.destinations import (
    change_destination,
    create_destination,
    list_destinations,
    list_presets,
    pause_destination,
    remove_destination,
    resume_destination,
)
from llmflow_query_api.directory import list_field_values, list_models, list_users, show_user
from llmflow_query_api.export_formats import TEXT_MEDIA_TYPES
from llmflow_query_api.exports import export_spans, export_traces
from llmflow_query_api.key_access import FOR_KEYS, Authentication
from llmflow_query_api.keys import create_key, list_keys, revoke_key
from llmflow_query_api.leaving import end_with_client
from llmflow_query_api.limits import one_at_a_place
from llmflow_query_api.logs import list_logs
from llmflow_query_api.metric_queries import list_metrics, query_metric
from llmflow_query_api.openapi_examples import add_examples
from llmflow_query_api.preconditions import add_etag, describe_preconditions, read_precondition
from llmflow_query_api.prices import delete_price, list_prices, reprice, save_price
from llmflow_query_api.problems import HEADERS
from llmflow_query_api.projects import create_project, delete_project, list_projects, rename_project
from llmflow_query_api.retention import get_retention, set_retention
from llmflow_query_api.scores import create_score, delete_score, list_scores
from llmflow_query_api.session import get_session, login, logout
from llmflow_query_api.session_list import list_sessions, show_session
from llmflow_query_api.span_list import list_spans, span_query
from llmflow_query_api.stream import stream_traces
from llmflow_query_api.traces import get_span, get_trace, list_traces, trace_query
from llmflow_query_api.views import create_view, delete_view, list_views, replace_view
from llmflow_store.port import Store

API_PATH = "/api/v1"
_MOST_BODY_BYTES = 1 << 20
#: Where the bodies of requests and answers are described.
_BODIES = (
    schemas,
    addresses,
    administration_schemas,
    alert_schemas,
    analytics_schemas,
    destination_schemas,
    directory_schemas,
    export_schemas,
    live_schemas,
    price_schemas,
    score_schemas,
    signal_schemas,
    view_schemas,
    messages,
)
_DESCRIPTION = """\
Traces of LLM applications, as LLMFlow stores them.

Log in with HTTP Basic, or with POST /api/v1/login for a session cookie. Programs send an API key, as Authorization:
Bearer; it reads (scope read) and changes (scope write) what belongs to its project, and administers nothing.

Errors are problem details (RFC 9457). A request with the header X-Requested-With is never answered with a password
dialog.
"""
_CONFIG = OpenAPIConfig(
    title="LLMFlow",
    version="1",
    description=_DESCRIPTION,
    use_handler_docstrings=True,
    license=License(name="MIT", identifier="MIT"),
    tags=[
        Tag(name="session", description="Logging in and out."),
        Tag(name="traces", description="Traces and spans."),
        Tag(name="sessions", description="Conversations of several traces."),
        Tag(name="users", description="The end users of the applications."),
        Tag(name="models", description="The models that were used."),
        Tag(name="exports", description="Lists as files, to their end."),
        Tag(name="analytics", description="Metrics over many spans, and what to filter by."),
        Tag(name="scores", description="Judgements of spans, traces and sessions."),
        Tag(name="views", description="Views of the page's lists that people share under a name."),
        Tag(name="logs", description="Log records and events."),
        Tag(name="metrics", description="Metrics that were sent over OTLP."),
        Tag(name="coding tools", description="AI command-line tools: Claude Code, Codex CLI, Gemini CLI."),
        Tag(name="alerts", description="Rules and budgets, and who is told of them."),
        Tag(name="projects", description="What keeps one team's data apart from another's."),
        Tag(name="keys", description="API keys of programs."),
        Tag(name="destinations", description="Other tools that spans are forwarded to."),
        Tag(name="prices", description="What models cost."),
        Tag(name="audit", description="Who administered what."),
    ],
    components=Components(
        security_schemes={
            "basic": SecurityScheme(type="http", scheme="basic"),
            "session": SecurityScheme(type="apiKey", name=COOKIE, security_scheme_in="cookie"),
            "key": SecurityScheme(type="http", scheme="bearer", description="An API key: lf-sk-..."),
        }
    ),
)


@get("/openapi.json", include_in_schema=False)
async def get_document() -> Response[bytes]:
    """This API, as OpenAPI 3.1 describes it."""
    return Response(document(), media_type=MediaType.JSON)


# An injected `State` would be a deep copy of the application's.
async def provide_store(request: Request[Any, Any, Any]) -> Store:
    """The application's store, for handlers."""
    store: Store = request.app.state.store
    return store


async def _gate(request: Request[Any, Any, Any]) -> Gate:
    gate: Gate = request.app.state.gate
    return gate


async def _add_headers(response: Response[Any]) -> Response[Any]:
    response.headers.update(HEADERS)
    add_etag(response)
    return response


def api_router() -> Router:
    """The API's routes, for an application with `store`, `gate` and `key_gate` in its state."""
    return Router(
        API_PATH,
        middleware=[end_with_client],
        request_max_body_size=_MOST_BODY_BYTES,
        guards=[same_origin],
        after_request=_add_headers,
        route_handlers=[
            login,
            logout,
            get_session,
            Router(
                "",
                route_handlers=[
                    list_projects,
                    list_traces,
                    get_trace,
                    get_span,
                    list_spans,
                    stream_traces,
                    export_traces,
                    export_spans,
                    analyse,
                    list_facets,
                    list_filter_fields,
                    list_field_values,
                    list_sessions,
                    show_session,
                    list_users,
                    show_user,
                    list_models,
                    list_scores,
                    create_score,
                    delete_score,
                    list_views,
                    create_view,
                    replace_view,
                    delete_view,
                    list_logs,
                    list_metrics,
                    query_metric,
                    list_coding_tools,
                    list_coding_sessions,
                    list_rules,
                    list_budgets,
                    list_history,
                    get_document,
                ],
                middleware=[Authentication, one_at_a_place],
                opt={FOR_KEYS: True},
                security=[{"basic": []}, {"session": []}, {"key": []}],
            ),
            Router(
                "",
                route_handlers=[
                    get_addresses,
                    create_project,
                    rename_project,
                    delete_project,
                    create_key,
                    list_keys,
                    revoke_key,
                    get_retention,
                    set_retention,
                    list_audit,
                    list_prices,
                    save_price,
                    delete_price,
                    reprice,
                    create_rule,
                    change_rule,
                    silence_rule,
                    test_rule,
                    delete_rule,
                    create_budget,
                    change_budget,
                    silence_budget,
                    test_budget,
                    delete_budget,
                    list_channels,
                    save_channel,
                    delete_channel,
                    test_channel,
                    list_destinations,
                    list_presets,
                    create_destination,
                    change_destination,
                    pause_destination,
                    resume_destination,
                    remove_destination,
                    test_destination,
                    create_replay,
                    list_jobs,
                    show_job,
                    cancel_job,
                ],
                middleware=[Authentication],
                security=[{"basic": []}, {"session": []}],
            ),
        ],
        # Litestar takes a wrong member of a body for a fault of the dependency by the same name, if there is one.
        dependencies={
            "gate": Provide(_gate),
            "store": Provide(provide_store),
            "alerts": Provide(provide_alerts),
            "selection": Provide(trace_query),
            "span_selection": Provide(span_query),
            "question": Provide(analytics_query),
            "only_if": Provide(read_precondition),
        },
    )


@cache
def document() -> bytes:
    """The OpenAPI 3.1 document of the API, as JSON for people and for diffs."""
    schema: dict[str, Any] = Litestar([api_router()], openapi_config=_CONFIG).openapi_schema.to_schema()
    for name, component in schema["components"]["schemas"].items():
        _complete(name, component)
    add_examples(schema)
    describe_preconditions(schema)
    for operations in schema["paths"].values():
        for operation in operations.values():
            if "exports" in operation["tags"]:
                operation["responses"]["200"]["content"] |= {
                    media_type: {"schema": {"type": "string"}} for media_type in TEXT_MEDIA_TYPES
                }
    return msgspec.json.format(msgspec.json.encode(schema), indent=2) + b"\n"


def _complete(name: str, component: dict[str, Any]) -> None:
    body = next((getattr(module, name) for module in _BODIES if hasattr(module, name)), None)
    if body is not None:
        component["description"] = getdoc(body)
    # A member with a default is optional to a reader of the class, but always present in what the API sends.
    if "properties" in component:
        component["required"] = list(component["properties"])


if __name__ == "__main__":
    Path(sys.argv[1] if len(sys.argv) > 1 else "frontend/openapi.json").write_bytes(document())

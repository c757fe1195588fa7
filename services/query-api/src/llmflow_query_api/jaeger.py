"""The read API of Jaeger's query service, as Grafana's Jaeger data source and Jaeger's own page use it.

It is no official interface of Jaeger; what is here follows its `query_parser.go`: times in microseconds (those of the
dependencies in milliseconds), durations as Go writes them. The project is the API key's, else the parameter `project`
or the header `X-LLMFlow-Project`.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any

import msgspec
from litestar import Request, Response, Router, get
from litestar.di import NamedDependency, Provide
from litestar.exceptions import NotFoundException
from litestar.params import PathParameter, QueryParameter, SkipValidation

from llmflow_core.errors import Rejected
from llmflow_core.filters import And, Condition, Filter, Operator, Or
from llmflow_core.ids import trace_id_from_text
from llmflow_core.projects import PROJECT_HEADER
from llmflow_core.spans import DEFAULT_PROJECT, SpanKind
from llmflow_query_api import problems
from llmflow_query_api.jaeger_json import UNKNOWN_SERVICE, answer, kind_name, trace_json
from llmflow_query_api.key_access import FOR_KEYS, Authentication
from llmflow_query_api.limits import HEAVY, one_at_a_place
from llmflow_query_api.traces import StoreDependency, utc
from llmflow_store.port import SpanQuery, Store, Trace, TraceQuery

#: Grafana asks below the root whatever path its data source has; Jaeger's page can have a path of its own.
PATHS = ("/api", "/jaeger/api")

_LOOKBACK = timedelta(days=2)
_SERVICES_LOOKBACK = timedelta(days=30)
_MOST_SERVICES = 1000
_MOST_TRACES = 200
#: An answer with more spans than this ends early.
_MOST_SPANS = 20_000
_SPAN_PAGE = 200
_SPAN_PAGES = 25
#: What Grafana's form has for every operation.
_ALL = "All"
_GO_DURATION = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)")
_UNITS_NS = {
    "ns": 1,
    "us": 10**3,
    "µs": 10**3,
    "μs": 10**3,
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
}
_HEXADECIMAL = re.compile(r"[0-9a-fA-F]{1,32}")
_LONGEST_NS = 2**63 - 1

Project = NamedDependency[str]
Text = Annotated[str, QueryParameter(max_length=1024, pattern=r"^[^\x00]*$")]
OptionalText = Annotated[str | None, QueryParameter(max_length=1024, pattern=r"^[^\x00]*$")]
Moment = Annotated[int | None, QueryParameter(ge=0, le=2**63 - 1)]
Service = Annotated[str, PathParameter(max_length=1024, pattern=r"^[^\x00]*$")]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Search:
    """What `/api/traces` asks for: the traces of `trace_ids` and no others, if there are any. `filter` is None when the
    service is all that was named."""

    project: str
    trace_ids: tuple[bytes, ...] = ()
    service: str | None
    from_time: datetime
    to_time: datetime
    limit: int
    filter: Filter | None


@get("/services")
async def list_services(store: StoreDependency, jaeger_project: Project) -> dict[str, Any]:
    """The services of the last 30 days."""
    now = datetime.now(UTC)
    found = await store.field_values(
        jaeger_project, "service", now - _SERVICES_LOOKBACK, now + timedelta(days=1), limit=_MOST_SERVICES
    )
    return answer(sorted(value.value or UNKNOWN_SERVICE for value in found))


@get("/services/{service:str}/operations")
async def list_service_operations(store: StoreDependency, jaeger_project: Project, service: Service) -> dict[str, Any]:
    """The names of a service's operations."""
    found = await _operations(store, jaeger_project, service)
    return answer(sorted({name for name, _ in found}))


@get("/operations")
async def list_operations(
    store: StoreDependency,
    jaeger_project: Project,
    service: Text = "",
    span_kind: Annotated[str | None, QueryParameter(name="spanKind", max_length=16)] = None,
) -> dict[str, Any]:
    """A service's operations with their kinds."""
    found = await _operations(store, jaeger_project, service)
    return answer([{"name": name, "spanKind": kind} for name, kind in found if span_kind in (None, "", kind)])


async def search(
    jaeger_project: Project,
    service: Text = "",
    operation: Text = "",
    tag: Annotated[list[str] | None, QueryParameter(max_items=50)] = None,
    tags: Annotated[list[str] | None, QueryParameter(max_items=50)] = None,
    min_duration: Annotated[str, QueryParameter(name="minDuration", max_length=64)] = "",
    max_duration: Annotated[str, QueryParameter(name="maxDuration", max_length=64)] = "",
    start: Moment = None,
    end: Moment = None,
    limit: Annotated[int, QueryParameter(ge=0, le=2**31 - 1)] = 20,
    trace_id: Annotated[list[str] | None, QueryParameter(name="traceID", max_items=_MOST_TRACES)] = None,
) -> _Search:
    """The search that the parameters of `/api/traces` ask for."""
    bounds = _duration("minDuration", min_duration), _duration("maxDuration", max_duration)
    conditions: list[Filter] = [_tag_condition(name, value) for name, value in _tags(tag or [], tags or [])]
    if operation not in ("", _ALL):
        conditions.append(Condition("name", Operator.EQ, operation))
    for operator, bound in zip((Operator.GE, Operator.LE), bounds, strict=True):
        if bound is not None:
            conditions.append(Condition("duration", operator, bound))
    name = None if service == "" else _stored_service(service)
    if conditions and name is not None:
        conditions.append(Condition("service", Operator.EQ, name))
    to_time = _time(end if end is not None else time.time_ns() // 1000)
    return _Search(
        project=jaeger_project,
        trace_ids=tuple(_whole_id(text) for text in trace_id or () if text),
        service=name,
        from_time=_time(start) if start is not None else to_time - _LOOKBACK,
        # Jaeger's end is part of the range.
        to_time=to_time + timedelta(microseconds=1),
        limit=min(limit, _MOST_TRACES) or _MOST_TRACES,
        filter=And(tuple(conditions)) if conditions else None,
    )


@get("/traces", opt={HEAVY: True})
async def find_traces(store: StoreDependency, wanted: NamedDependency[SkipValidation[_Search]]) -> dict[str, Any]:
    """The newest traces with a span that fulfils all conditions, whole."""
    traces: list[Trace] = []
    for trace_id in await _trace_ids(store, wanted):
        trace = await store.get_trace(wanted.project, trace_id)
        if trace is not None:
            traces.append(trace)
        if sum(len(trace.spans) for trace in traces) > _MOST_SPANS:
            break
    return answer([trace_json(trace) for trace in traces])


@get("/traces/{trace_id:str}")
async def find_trace(
    store: StoreDependency, jaeger_project: Project, trace_id: Annotated[str, PathParameter(max_length=1024)]
) -> dict[str, Any]:
    """One trace; Jaeger leaves out the zeros that an id begins with."""
    trace = await store.get_trace(jaeger_project, _whole_id(trace_id))
    if trace is None:
        raise NotFoundException("trace not found")
    return answer([trace_json(trace)])


@get("/dependencies", opt={HEAVY: True})
async def list_dependencies(
    store: StoreDependency,
    jaeger_project: Project,
    end_ts: Annotated[int | None, QueryParameter(name="endTs", ge=0, le=2**53)] = None,
    lookback: Annotated[int, QueryParameter(ge=0, le=2**53)] = int(timedelta(days=1).total_seconds() * 1000),
) -> dict[str, Any]:
    """Which services call which, of the newest spans of the range; times in milliseconds."""
    end_ms = end_ts if end_ts is not None else time.time_ns() // 10**6
    first, last = _time((end_ms - lookback) * 1000), _time(end_ms * 1000)
    found = await store.dependencies(jaeger_project, first, last)
    return answer(
        [
            {
                "parent": dependency.parent or UNKNOWN_SERVICE,
                "child": dependency.child or UNKNOWN_SERVICE,
                "callCount": dependency.calls,
            }
            for dependency in found
        ]
    )


async def _operations(store: Store, project: str, service: str) -> list[tuple[str, str]]:
    found = await store.operations(project, _stored_service(service), datetime.now(UTC) - _SERVICES_LOOKBACK)
    return [(operation.name, kind_name(operation.kind)) for operation in found]


def _whole_id(text: str) -> bytes:
    return trace_id_from_text(text.zfill(32) if _HEXADECIMAL.fullmatch(text) else text)


async def _trace_ids(store: Store, wanted: _Search) -> Sequence[bytes]:
    if wanted.trace_ids:
        return wanted.trace_ids
    if wanted.filter is None:
        query = TraceQuery(
            project=wanted.project,
            service=wanted.service or None,
            from_time=wanted.from_time,
            to_time=wanted.to_time,
            limit=wanted.limit,
        )
        return [trace.trace_id for trace in (await store.list_traces(query)).traces]
    found: dict[bytes, None] = {}
    after = None
    for _ in range(_SPAN_PAGES):
        page = await store.list_spans(
            SpanQuery(
                project=wanted.project,
                from_time=wanted.from_time,
                to_time=wanted.to_time,
                filter=wanted.filter,
                after=after,
                limit=_SPAN_PAGE,
            )
        )
        found |= dict.fromkeys(span.trace_id for span in page.spans)
        after = page.next
        if after is None or len(found) >= wanted.limit:
            break
    return list(found)[: wanted.limit]


def _stored_service(service: str) -> str:
    return "" if service == UNKNOWN_SERVICE else service


def _time(microseconds: int) -> datetime:
    # Beyond the year 9999 there is no datetime, and long before that no span.
    bounded = min(max(microseconds, 0), _LONGEST_NS // 1000)
    moment = utc(datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=bounded))
    assert moment is not None
    return moment


def _duration(parameter: str, text: str) -> int | None:
    """Nanoseconds of what Go's `time.ParseDuration` reads, None of an empty text."""
    if not text:
        return None
    if not re.fullmatch(rf"(?:{_GO_DURATION.pattern})+", text):
        raise Rejected(f"unable to parse param '{parameter}': give it like 1.5s or 300ms", field=parameter)
    total = sum(Decimal(number) * _UNITS_NS[unit] for number, unit in _GO_DURATION.findall(text))
    return min(int(total), _LONGEST_NS)


def _tags(pairs: Iterable[str], documents: Iterable[str]) -> Iterable[tuple[str, str]]:
    for name, value in _written_tags(pairs, documents):
        if "\0" in name or "\0" in value:
            raise Rejected("holds a NUL character", field="tag")
        yield name, value


def _written_tags(pairs: Iterable[str], documents: Iterable[str]) -> Iterable[tuple[str, str]]:
    for pair in pairs:
        name, colon, value = pair.partition(":")
        if not colon or not name:
            raise Rejected(f"malformed 'tag' parameter, expecting key:value, received: {pair}", field="tag")
        yield name, value
    for document in documents:
        try:
            yield from msgspec.json.decode(document, type=dict[str, str]).items()
        except msgspec.DecodeError as error:
            raise Rejected(f"malformed 'tags' parameter, cannot unmarshal JSON: {error}", field="tags") from None


def _tag_condition(name: str, value: str) -> Filter:
    """A tag is an attribute of the span or of its resource, or stands for something else of OpenTelemetry's."""
    match name, value.lower():
        case "error", "true":
            return Condition("status", Operator.EQ, "error")
        case "otel.status_code", ("ok" | "error" | "unset") as status:
            return Condition("status", Operator.EQ, status)
        case "span.kind", kind if kind.upper() in SpanKind.__members__:
            return Condition("kind", Operator.EQ, kind)
        case _:
            return Or(
                (
                    Condition("attr", Operator.EQ, value, key=name),
                    Condition("resource", Operator.EQ, value, key=name),
                )
            )


async def _project(request: Request[Any, Any, Any], project: OptionalText = None) -> str:
    return project or request.headers.get(PROJECT_HEADER) or DEFAULT_PROJECT


def _as_jaeger_does(handler: Any) -> Any:
    """The same error, with what Jaeger would say of it beside the problem details."""

    def handle(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
        response: Response[Any] = handler(request, error)
        problem = msgspec.to_builtins(response.content)
        errors = [{"code": problem["status"], "msg": problem["detail"]}]
        response.content = {**problem, **answer([]), "data": None, "errors": errors}
        return response

    return handle


def jaeger_router(dependencies: dict[str, Any]) -> Router:
    """The routes, for an application with `store`, `gate` and `key_gate` in its state."""
    return Router(
        "",
        route_handlers=[
            Router(
                path,
                route_handlers=[
                    list_services,
                    list_service_operations,
                    list_operations,
                    find_traces,
                    find_trace,
                    list_dependencies,
                ],
            )
            for path in PATHS
        ],
        middleware=[Authentication, one_at_a_place],
        opt={FOR_KEYS: True},
        include_in_schema=False,
        dependencies={**dependencies, "jaeger_project": Provide(_project), "wanted": Provide(search)},
        exception_handlers={kind: _as_jaeger_does(handler) for kind, handler in problems.HANDLERS.items()},
    )

"""OTLP/JSON: requests of traces, metrics and logs from protobuf's JSON mapping with hexadecimal ids. Pure: no I/O.

Follows the OpenTelemetry protocol specification 1.x: enums are numbers, 64-bit integers are numbers or texts, unknown
fields are ignored. An item that cannot be read does not take its neighbours with it.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any, TypeVar

import orjson
from google.protobuf import json_format
from google.protobuf.message import Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric

from llmflow_core.errors import Rejected
from llmflow_core.otlp_checks import Unreadable, data_points

_ROOTS = frozenset({"resourceSpans", "resourceMetrics", "resourceLogs"})
_METRIC_KINDS = ("gauge", "sum", "histogram", "exponential_histogram", "summary")
_LONGEST_PROBLEM = 500
#: Readers of protobuf give up beyond so many messages in one another, and would refuse the whole request.
_DEEPEST = 100
_LEVELS_OF_A_DATA_POINT = 5

RequestT = TypeVar("RequestT", bound=Message)


def parse_traces_json(body: bytes) -> tuple[ExportTraceServiceRequest, Unreadable]:
    """Decode an OTLP/JSON request of spans; return those that cannot be read for `check_traces` to refuse.

    Raises Rejected when the body is no request of spans at all.
    """
    return _parse(body, ExportTraceServiceRequest, _Reader(("resource_spans", "scope_spans", "spans"), _span_ids))


def parse_metrics_json(body: bytes) -> tuple[ExportMetricsServiceRequest, Unreadable]:
    """The same for metrics."""
    return _parse(body, ExportMetricsServiceRequest, _MetricReader(("resource_metrics", "scope_metrics", "metrics")))


def parse_logs_json(body: bytes) -> tuple[ExportLogsServiceRequest, Unreadable]:
    """The same for log records; of one whose ids are not hexadecimal they are left out, as the data model has it."""
    return _parse(body, ExportLogsServiceRequest, _Reader(("resource_logs", "scope_logs", "log_records"), _log_ids))


def _parse(body: bytes, kind: type[RequestT], reader: _Reader) -> tuple[RequestT, Unreadable]:
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Rejected(f"not JSON: {error}", field="body") from None
    if not isinstance(document, dict):
        raise Rejected("must be a JSON object", field="body")
    own = kind.DESCRIPTOR.fields[0]
    for other in _ROOTS - {own.json_name}:
        if other in document and own.json_name not in document and own.name not in document:
            raise Rejected(f"is not of this URL's signal, which is {own.json_name}", field=other)
    request = kind()
    reader.read(document, request)
    return request, reader.unreadable


class _Reader:
    """Reads a request level by level, so that what is wrong at one place says nothing about the others.

    `levels` are the repeated fields that nest the items, and `ids` puts an item's ids into protobuf's JSON; it raises
    Rejected, whose field is the place within the item.
    """

    def __init__(self, levels: tuple[str, ...], ids: Callable[[dict[str, Any]], None]) -> None:
        self._levels = levels
        self._ids = ids
        self.unreadable: dict[str, str] = {}

    def read(self, document: dict[str, Any], request: Message) -> None:
        """Fill `request`. Raises Rejected when its list of resources is none."""
        resources = _take(document, self._levels[0])
        if not isinstance(resources, list):
            raise Rejected("must be a list", field=self._levels[0])
        self._fill(resources, request, 0, "", None)

    def _fill(self, documents: list[Any], parent: Message, level: int, place: str, broken: str | None) -> None:
        """Add a message to `parent` for each of `documents`. Where the parent is `broken`, so is each item in it."""
        name = self._levels[level]
        for number, document in enumerate(documents):
            message = getattr(parent, name).add()
            here = f"{place}{name}[{number}]"
            if level + 1 == len(self._levels):
                self._item(document, message, here, broken)
                continue
            inner = self._levels[level + 1]
            children = _take(document, inner) if isinstance(document, dict) else []
            why = broken or self._convert(document, message, level + 1, here)
            if not isinstance(children, list):
                why, children = why or f"{here}.{inner}: must be a list", []
            # What holds no item that could be refused is one itself.
            self._fill(children or [None] * bool(why), message, level + 1, f"{here}.", why)

    def _item(self, document: Any, message: Message, place: str, broken: str | None) -> None:
        why = broken or self._convert(document, message, len(self._levels), place, self._ids)
        if why:
            self.unreadable[place] = why

    def _convert(
        self,
        document: Any,
        message: Message,
        level: int,
        place: str,
        ids: Callable[[dict[str, Any]], None] | None = None,
    ) -> str | None:
        """Fill `message`, or leave it empty and return what is wrong with the document of this place."""
        if not isinstance(document, dict):
            return f"{place}: must be an object"
        try:
            if ids:
                ids(document)
            json_format.ParseDict(document, message, ignore_unknown_fields=True, max_recursion_depth=_DEEPEST - level)
        except Rejected as error:
            message.Clear()
            return f"{place}.{error}"
        except (json_format.ParseError, RecursionError) as error:
            message.Clear()
            # It quotes what is wrong, however much that is.
            return f"{place}: {error}"[:_LONGEST_PROBLEM]
        return None


class _MetricReader(_Reader):
    """The same for metrics, of which not they are the items, but their data points."""

    def __init__(self, levels: tuple[str, ...]) -> None:
        super().__init__(levels, _exemplar_ids)

    def _item(self, document: Any, message: Message, place: str, broken: str | None) -> None:
        assert isinstance(message, Metric)
        data = next((found for kind in _METRIC_KINDS if (found := _get(document, kind)) is not None), None)
        points = _take(data, "data_points") if isinstance(data, dict) else []
        why = broken or self._convert(document, message, len(self._levels), place)
        if not why and not isinstance(points, list):
            why = f"{place}.{message.WhichOneof('data')}.data_points: must be a list"
        if why:
            # Without a name it is refused, and counts as its data points do.
            message.Clear()
            for _ in points if isinstance(points, list) else ():
                message.gauge.data_points.add()
            self.unreadable[place] = why
            return
        found = data_points(message)
        for number, point in enumerate(points):
            here = f"{place}.{message.WhichOneof('data')}.data_points[{number}]"
            if problem := self._convert(point, found.add(), _LEVELS_OF_A_DATA_POINT, here, self._ids):
                self.unreadable[here] = problem


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(map(str.capitalize, others))


def _get(document: Any, name: str) -> Any:
    """A field of `document` under either of the two names that protobuf's JSON mapping allows; None without it."""
    if not isinstance(document, dict):
        return None
    value = document.get(_camel(name))
    return document.get(name) if value is None else value


def _take(document: dict[str, Any], name: str) -> Any:
    """The same for a list, removed from `document`; an empty one without it."""
    values = [value for key in {_camel(name), name} if (value := document.pop(key, None)) is not None]
    return values[0] if len(values) == 1 else tuple(values) or []


def _span_ids(span: dict[str, Any]) -> None:
    _translate(span, "", "trace_id", "span_id", "parent_span_id")
    for place, link in _objects(span, "links"):
        _translate(link, place, "trace_id", "span_id")


def _exemplar_ids(point: dict[str, Any]) -> None:
    for place, exemplar in _objects(point, "exemplars"):
        _translate(exemplar, place, "trace_id", "span_id")


def _log_ids(record: dict[str, Any]) -> None:
    for name in ("trace_id", "span_id"):
        try:
            _translate(record, "", name)
        except Rejected:
            _take(record, name)


def _objects(parent: dict[str, Any], name: str) -> list[tuple[str, dict[str, Any]]]:
    found = _get(parent, name)
    children = enumerate(found if isinstance(found, list) else ())
    return [(f"{name}[{number}].", child) for number, child in children if isinstance(child, dict)]


def _translate(holder: dict[str, Any], place: str, *names: str) -> None:
    """Write the ids that are named so in base64, as protobuf's JSON mapping has bytes."""
    for name in names:
        for key in (_camel(name), name):
            value = holder.get(key)
            if value is None:
                continue
            try:
                holder[key] = base64.b64encode(bytes.fromhex(value)).decode()
            except (ValueError, TypeError):
                raise Rejected("must be hexadecimal", field=f"{place}{name}") from None

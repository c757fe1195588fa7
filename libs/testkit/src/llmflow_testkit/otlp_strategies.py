"""Any valid OTLP request, for property tests: made from the protocol's descriptors, so that no field is forgotten."""

from __future__ import annotations

import base64
import math
from typing import Any, TypeVar

import orjson
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from hypothesis import strategies as st

RequestT = TypeVar("RequestT", bound=Message)

_LEVELS_OF_VALUES = 2
_UINT32, _UINT64 = st.integers(0, 2**32 - 1), st.integers(0, 2**64 - 1)
_INT32, _INT64 = st.integers(-(2**31), 2**31 - 1), st.integers(-(2**63), 2**63 - 1)
_SCALARS: dict[int, st.SearchStrategy[Any]] = {
    FieldDescriptor.TYPE_BOOL: st.booleans(),
    FieldDescriptor.TYPE_BYTES: st.binary(max_size=5),
    # JSON knows one NaN, IEEE 754 many.
    FieldDescriptor.TYPE_DOUBLE: st.floats(allow_nan=False) | st.just(math.nan),
    FieldDescriptor.TYPE_FIXED32: _UINT32,
    FieldDescriptor.TYPE_FIXED64: _UINT64,
    FieldDescriptor.TYPE_INT32: _INT32,
    FieldDescriptor.TYPE_INT64: _INT64,
    FieldDescriptor.TYPE_SFIXED64: _INT64,
    FieldDescriptor.TYPE_SINT32: _INT32,
    FieldDescriptor.TYPE_STRING: st.text(max_size=5),
    FieldDescriptor.TYPE_UINT32: _UINT32,
    FieldDescriptor.TYPE_UINT64: _UINT64,
}
_TIMES = st.integers(1, 2**64 - 1)
_TRACE_IDS = st.binary(min_size=16, max_size=16).filter(any)
_SPAN_IDS = st.binary(min_size=8, max_size=8).filter(any)
#: What the protocol demands beyond its descriptors; these fields are always there.
_DEMANDED: dict[tuple[str, str], st.SearchStrategy[Any]] = {
    ("Span", "trace_id"): _TRACE_IDS,
    ("Span", "span_id"): _SPAN_IDS,
    ("Span", "start_time_unix_nano"): _TIMES,
    ("Metric", "name"): st.text(min_size=1, max_size=5),
    ("NumberDataPoint", "time_unix_nano"): _TIMES,
    ("HistogramDataPoint", "time_unix_nano"): _TIMES,
    ("ExponentialHistogramDataPoint", "time_unix_nano"): _TIMES,
    ("SummaryDataPoint", "time_unix_nano"): _TIMES,
    ("LogRecord", "observed_time_unix_nano"): _TIMES,
}
_PARENT_IDS = {("Span", "parent_span_id"): _SPAN_IDS}
#: The way to the items, so that most requests have some.
_NEVER_EMPTY = frozenset(
    {
        *("resource_spans", "scope_spans", "spans", "resource_logs", "scope_logs", "log_records"),
        *("resource_metrics", "scope_metrics", "metrics", "data_points"),
    }
)
_ID_NAMES = frozenset({"traceId", "spanId", "parentSpanId"})


@st.composite
def requests(draw: st.DrawFn, kind: type[RequestT]) -> RequestT:
    """A valid request of `kind`, one of OTLP's Export…ServiceRequest."""
    return draw(_messages(kind.DESCRIPTOR, 0))  # type: ignore[no-any-return]


@st.composite
def _messages(draw: st.DrawFn, kind: Any, level: int) -> Any:
    message = GetMessageClass(kind)()
    oneofs = [oneof for oneof in kind.oneofs if len(oneof.fields) > 1]
    filled = [oneof for oneof in oneofs if kind.name == "Metric" or draw(st.booleans())]
    chosen = [draw(st.sampled_from(list(oneof.fields))) for oneof in filled]
    for field in kind.fields:
        demanded = _DEMANDED.get((kind.name, field.name))
        in_oneof = any(field in oneof.fields for oneof in oneofs)
        if demanded is not None:
            setattr(message, field.name, draw(demanded))
        elif field in chosen or field.name in _NEVER_EMPTY or (not in_oneof and draw(st.booleans())):
            _set(draw, message, field, level)
    return message


def _set(draw: st.DrawFn, message: Any, field: Any, level: int) -> None:
    if field.message_type is not None:
        deeper = level + (field.message_type.name == "AnyValue")
        if deeper > _LEVELS_OF_VALUES:
            return
        values = _messages(field.message_type, deeper)
    elif field.enum_type is not None:
        values = st.sampled_from([value.number for value in field.enum_type.values])
    else:
        values = _PARENT_IDS.get((field.containing_type.name, field.name), _SCALARS[field.type])
    if field.is_repeated:
        getattr(message, field.name).extend(draw(st.lists(values, min_size=1, max_size=2)))
    elif field.message_type is not None:
        getattr(message, field.name).CopyFrom(draw(values))
    else:
        setattr(message, field.name, draw(values))


def otlp_json(request: Message) -> bytes:
    """`request` in OTLP's JSON: ids in hexadecimal, enumerations as numbers."""
    document = MessageToDict(request, use_integers_for_enums=True)
    _ids_to_hexadecimal(document)
    return orjson.dumps(document)


def _ids_to_hexadecimal(node: Any) -> None:
    for child in node.values() if isinstance(node, dict) else node:
        if isinstance(child, dict | list):
            _ids_to_hexadecimal(child)
    for name in _ID_NAMES.intersection(node) if isinstance(node, dict) else ():
        node[name] = base64.b64decode(node[name]).hex()

"""OTLP requests of spans whose attributes are still bytes: for those that read thousands of spans a second.

Most attributes of most spans came with an earlier span already, name and value alike. To know the bytes again takes a
fraction of the time in which protobuf makes the objects that hold them. In protobuf's format a message and its bytes
look the same, so the one can be declared as the other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from google.protobuf import descriptor_pool, message_factory, text_format
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto
from google.protobuf.message import DecodeError
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1 import trace_pb2

from llmflow_core.errors import Rejected
from llmflow_core.memo import Memo
from llmflow_core.spans import JSON

_PACKAGE = "llmflow.raw_traces"
_LONGEST_KNOWN = 256
_NAME_TAG, _LONG = 0x0A, 0x80


def _request_class() -> type[Any]:
    """OTLP's `TracesData`, which has the format of a request, with spans whose attributes are declared as bytes."""
    original = FileDescriptorProto.FromString(trace_pb2.DESCRIPTOR.serialized_pb)
    renamed = str(original).replace(f'".{original.package}.', f'".{_PACKAGE}.')
    file = text_format.Parse(renamed, FileDescriptorProto())
    file.name, file.package = f"{_PACKAGE}.proto", _PACKAGE
    [span] = [message for message in file.message_type if message.name == "Span"]
    [attributes] = [field for field in span.field if field.name == "attributes"]
    attributes.type = FieldDescriptorProto.TYPE_BYTES
    attributes.ClearField("type_name")
    pool = descriptor_pool.Default()
    pool.AddSerializedFile(file.SerializeToString())
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.TracesData"))


_REQUEST = _request_class()


def parse_raw_traces(body: bytes) -> Any:
    """Decode a protobuf request of spans: `ExportTraceServiceRequest` but for the spans' attributes, which
    `RawAttributes` reads. Raises Rejected when the bytes are not one."""
    try:
        return _REQUEST.FromString(body)
    except DecodeError:
        raise Rejected("not a protobuf ExportTraceServiceRequest", field="body") from None


def name_of(attribute: bytes) -> str:
    """The name of an attribute that is bytes. Raises Rejected for bytes that are none."""
    try:
        # A name shorter than 128 bytes that comes first, as all encoders write it: a tag, its length, the name.
        if attribute[0] == _NAME_TAG and (length := attribute[1]) < _LONG:
            return attribute[2 : 2 + length].decode()
        return KeyValue.FromString(attribute).key
    except (DecodeError, UnicodeDecodeError, IndexError):
        raise Rejected("holds an attribute that is none", field="body") from None


class RawAttributes:
    """Reads attributes that are bytes. `plain` reads the value of one that is not known."""

    def __init__(self, plain: Callable[[AnyValue], JSON]) -> None:
        self._plain = plain
        self._known = Memo(self._read, keeps=_keeps)

    def __call__(self, attributes: Iterable[bytes]) -> dict[str, JSON]:
        """Attributes as a dict of JSON values. Raises Rejected for bytes that are none."""
        return dict(map(self._known.__getitem__, attributes))

    def _read(self, raw: bytes) -> tuple[str, JSON]:
        try:
            attribute = KeyValue.FromString(raw)
        except DecodeError:
            raise Rejected("holds an attribute that is none", field="body") from None
        value = attribute.value
        # Most are text, and to ask which kind a value is takes longer than to read it.
        return attribute.key, value.string_value or self._plain(value)


def _keeps(raw: bytes, read: tuple[str, JSON]) -> bool:
    # A list or an object is not shared among spans, each of which may change it.
    return len(raw) <= _LONGEST_KNOWN and not isinstance(read[1], (list, dict))

"""How many messages a request holds, known before they are made.

A message of two bytes takes a hundred times as much once it is decoded, and compressed it takes nothing: a request
within the limit on bytes could otherwise take gigabytes. What clients send is far from that; a span's ids alone are 28
bytes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, TypeAlias

from google.protobuf import descriptor_pool, message_factory
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto
from google.protobuf.message import DecodeError

from llmflow_ingest.errors import TooLarge

#: The fields of a message that hold messages worth counting, by their numbers, and those of these.
Fields: TypeAlias = Mapping[int, "Fields"]

#: The fewest bytes that a message has on average.
BYTES_A_MESSAGE = 12
#: Up to these sizes, requests take little whatever they hold; JSON takes longer, and its braces are soon counted.
_SMALL, _SMALL_JSON = 256 << 10, 64 << 10
#: What a message without any field takes inside another: a tag and the length.
_EMPTY = 2
# One that does not end matches too, or looking for the end of each would take the square of the body's length.
_JSON_TEXT = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)


class Counter:
    """Counts the messages of serialized requests, of those kinds that `fields` names."""

    def __init__(self, name: str, fields: Fields) -> None:
        file = FileDescriptorProto(name=f"{name}.proto", package=name, syntax="proto3")
        root = _declare(file, fields)
        pool = descriptor_pool.DescriptorPool()
        pool.AddSerializedFile(file.SerializeToString())
        self._skeleton: type[Any] = message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{name}.{root}"))

    def check(self, body: bytes) -> None:
        """Raises TooLarge for a request that has too many messages for its size."""
        if len(body) <= _SMALL:
            return
        try:
            skeleton = self._skeleton.FromString(body)
        except DecodeError:
            return  # it is no request, which whoever decodes it says better
        # All but the messages is unknown here; what is left of the bytes says how many there are.
        skeleton.DiscardUnknownFields()
        if skeleton.ByteSize() // _EMPTY > len(body) // BYTES_A_MESSAGE:
            raise _too_many(_SMALL)


def _declare(file: FileDescriptorProto, fields: Fields) -> str:
    """Declare a message with these fields; return its name."""
    inner = {number: _declare(file, below) for number, below in fields.items()}
    message = file.message_type.add(name=f"Message{len(file.message_type)}")
    for number, kind in inner.items():
        message.field.add(
            name=f"field{number}",
            number=number,
            type=FieldDescriptorProto.TYPE_MESSAGE,
            type_name=f".{file.package}.{kind}",
            label=FieldDescriptorProto.LABEL_REPEATED,
        )
    return message.name


def check_json(body: bytes) -> None:
    """Raises TooLarge for a body that has too many objects and lists for its size."""
    most = len(body) // BYTES_A_MESSAGE
    if len(body) > _SMALL_JSON and _brackets(body) > most and _brackets(_JSON_TEXT.sub(b"", body)) > most:
        raise _too_many(_SMALL_JSON)


def _brackets(body: bytes) -> int:
    return body.count(b"{") + body.count(b"[")


def _too_many(small: int) -> TooLarge:
    return TooLarge(
        f"holds too many messages for its size: above {small} bytes, each must take {BYTES_A_MESSAGE} on average",
        field="body",
    )

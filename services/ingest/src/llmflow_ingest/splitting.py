"""Requests larger than one record of the log may be: cut between their items, and inside one only when it must be."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from google.protobuf.message import Message
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric

from llmflow_core.otlp_checks import data_points
from llmflow_ingest.trimming import can_be_trimmed, skeleton, trim

#: A resource, a scope of it, and an item of that: a span, a metric or a log record, each with its OTLP message.
_Entry: TypeAlias = tuple[Any, Any, Any]


@dataclass(frozen=True, slots=True)
class Layout:
    """The fields that nest a signal's items: `request.<resources>[].<scopes>[].<items>[]`."""

    resources: str
    scopes: str
    items: str

    def groups(self, request: Message) -> list[Sequence[Any]]:
        """The items of `request`, those of one scope together."""
        return [
            getattr(scope, self.items)
            for resource in getattr(request, self.resources)
            for scope in getattr(resource, self.scopes)
        ]

    def entries(self, request: Message) -> list[_Entry]:
        """Every item of `request` with its resource and scope, in order."""
        return [
            (resource, scope, item)
            for resource in getattr(request, self.resources)
            for scope in getattr(resource, self.scopes)
            for item in getattr(scope, self.items)
        ]


def split(request: Message, layout: Layout, limit: int) -> list[bytes]:
    """Serialized requests of at most `limit` bytes that together hold everything that `request` does, in order.

    Each carries its items' resource and scope; a metric's data points may be spread over several. An item that is too
    large alone has its longest texts cut to the length at which it fits, and says so by an attribute.
    """
    return list(_pieces(type(request), layout, layout.entries(request), limit))


def _pieces(kind: type[Message], layout: Layout, entries: Sequence[_Entry], limit: int) -> Iterator[bytes]:
    # What is too large by its items alone is not copied to find that out.
    if sum(item.ByteSize() for _, _, item in entries) <= limit:
        request = _assemble(kind, layout, entries)
        if request.ByteSize() <= limit:
            yield request.SerializeToString()
            return
    if len(entries) == 1:
        resource, scope, item = entries[0]
        if not isinstance(item, Metric) or len(data_points(item)) < 2:
            yield _trimmed(kind, layout, entries[0], limit).SerializeToString()
            return
        entries = [(resource, scope, half) for half in _halves(item)]
    middle = len(entries) // 2
    yield from _pieces(kind, layout, entries[:middle], limit)
    yield from _pieces(kind, layout, entries[middle:], limit)


def _trimmed(kind: type[Message], layout: Layout, entry: _Entry, limit: int) -> Message:
    """A request of one item, which is too large: what is left of it when it fits."""
    resource, scope, item = entry
    if can_be_trimmed(resource, scope, item):
        request = _assemble(kind, layout, [entry])
        if trim(request, *layout.entries(request)[0], limit):
            return request
    return _assemble(kind, layout, [(type(resource)(), type(scope)(), skeleton(item))])


def _assemble(kind: type[Message], layout: Layout, entries: Sequence[_Entry]) -> Message:
    request = kind()
    last_resource = last_scope = None
    for resource, scope, item in entries:
        if resource is not last_resource:
            new_resource = getattr(request, layout.resources).add(schema_url=resource.schema_url)
            new_resource.resource.CopyFrom(resource.resource)
        if scope is not last_scope:
            new_scope = getattr(new_resource, layout.scopes).add(schema_url=scope.schema_url)
            new_scope.scope.CopyFrom(scope.scope)
        last_resource, last_scope = resource, scope
        getattr(new_scope, layout.items).append(item)
    return request


def _halves(metric: Metric) -> tuple[Metric, Metric]:
    middle = len(data_points(metric)) // 2
    first, second = Metric(), Metric()
    for half in (first, second):
        half.CopyFrom(metric)
    del data_points(first)[middle:]
    del data_points(second)[:middle]
    return first, second

"""What of the log's records goes to a destination, and in which words."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import orjson
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1 import trace_pb2

from llmflow_bus import Record, topics
from llmflow_core.conventions import BOOK
from llmflow_core.conventions.quoting import may_quote_content
from llmflow_core.conventions.values import decoded
from llmflow_core.destinations.destination import Destination
from llmflow_core.dialects import DIALECTS
from llmflow_core.dialects.rewriting import messages_of, paired, rewrite
from llmflow_core.errors import Rejected
from llmflow_core.filter_match import matches
from llmflow_core.otlp import any_value, key_values, parse_traces, plain, spans_of
from llmflow_core.raw_traces import name_of, parse_raw_traces
from llmflow_core.redaction import Redactor
from llmflow_core.spans import DEFAULT_PROJECT, JSON, ObservationType, Span

if TYPE_CHECKING:
    from llmflow_core.pricing import Prices

logger = logging.getLogger(__name__)

_SAMPLED_BITS = 64


@cache
def _prices() -> Prices:
    from llmflow_core.pricing import Prices  # its data costs memory that passing bytes on does without

    return Prices()


class Preparation:
    """Turns a record into what one destination gets of it. Pure; safe to call from a thread."""

    def __init__(self, destination: Destination) -> None:
        self._destination = destination
        self._selection = destination.selection
        self._dialect = DIALECTS.get(destination.dialect)
        self._resource = key_values(destination.resource)
        self._changes_content = destination.content != "full"
        # Attributes are taken apart only where they stay and are looked into.
        stripped = self._dialect is None and self._changes_content
        self._parse: Callable[[bytes], Any] = parse_traces if stripped else parse_raw_traces
        self._redactor = Redactor() if destination.content == "redacted" else None
        # The smallest random part of a trace id that is left out, as OpenTelemetry's TraceIdRatioBased has it.
        self._bound = round(destination.selection.sampling * 2**_SAMPLED_BITS)

    def prepare_all(self, records: Sequence[Record]) -> list[bytes | Rejected | None]:
        """`prepare` for each record, an error in the place of what it is about: one record's fault is no other's."""
        found: list[bytes | Rejected | None] = []
        for record in records:
            try:
                found.append(self.prepare(record))
            except Rejected as error:
                found.append(error)
            except Exception as error:
                logger.exception("%s: a record cannot be prepared", self._destination.name)
                found.append(Rejected(f"cannot be prepared: {type(error).__name__}"))
        return found

    def prepare(self, record: Record) -> bytes | None:
        """A serialized request; None when the destination wants nothing of the record.

        Raises Rejected when the record has to be looked into and is no request.
        """
        project = record.headers.get(topics.PROJECT_HEADER, DEFAULT_PROJECT)
        if self._selection.projects and project not in self._selection.projects:
            return None
        if self._destination.passes_bytes_on:
            return record.value
        request = self._parse(record.value)
        kept = self._translated(request, project)
        if not any(kept):
            return None
        _keep(request, iter(kept))
        if self._resource:
            self._set_resource(request)
        prepared: bytes = request.SerializeToString()
        return prepared

    def _set_resource(self, request: Any) -> None:
        named = {attribute.key for attribute in self._resource}
        for resource_spans in request.resource_spans:
            attributes = resource_spans.resource.attributes
            others = [attribute for attribute in attributes if attribute.key not in named]
            del attributes[:]
            attributes.extend([*others, *self._resource])

    def _translated(self, request: Any, project: str) -> list[bool]:
        """Rewrite the wanted spans of what `_parse` gave; for each of its spans, whether it is one of them."""
        messages = messages_of(request)
        kept = []
        for message, span in paired(messages, spans_of(request, project)):
            wanted = self._wants(message, span)
            kept.append(wanted)
            if not wanted:
                continue
            # Some conventions tell what is content only from the whole span.
            content = frozenset(span.content) if span is not None and self._changes_content else frozenset[str]()
            if self._dialect is not None and span is not None:
                self._apply_policy(span)
                self._treat_quoting(message)
                rewrite(message, _priced(span), self._dialect, without=content)
            else:
                self._strip(message, content)
            if self._redactor is not None:
                self._redact(message)
            elif self._changes_content:
                _silence(message)
        return kept

    def _wants(self, message: Any, span: Span | None) -> bool:
        """A record that a span has begun goes on only where everything does, with all its content: it is not read."""
        selection = self._selection
        if int.from_bytes(message.trace_id[-8:]) >= self._bound:
            return False
        if span is None:
            return self._dialect is None and not (
                self._changes_content
                or selection.services
                or selection.llm_only
                or selection.errors_only
                or selection.query
            )
        return not (
            (selection.services and span.service not in selection.services)
            or (selection.errors_only and message.status.code != trace_pb2.Status.STATUS_CODE_ERROR)
            or (selection.llm_only and span.observation_type == ObservationType.SPAN)
            or (selection.query is not None and not matches(selection.query, _priced(span)))
        )

    def _apply_policy(self, span: Span) -> None:
        if self._destination.content == "none":
            span.content = {}
        elif self._redactor is not None:
            span.content = {name: self._redacted(value) for name, value in span.content.items()}

    def _treat_quoting(self, message: Any) -> None:
        """Take away what may quote content, or what is not to be seen in it; the message's attributes are bytes."""
        if not self._changes_content:
            return
        kept = []
        for raw in message.attributes:
            if not may_quote_content(name_of(raw)):
                kept.append(raw)
            elif self._redactor is not None:
                attribute = KeyValue.FromString(raw)
                attribute.value.CopyFrom(any_value(self._redacted(plain(attribute.value))))
                kept.append(attribute.SerializeToString())
        message.attributes[:] = kept

    def _strip(self, message: trace_pb2.Span, content: Collection[str]) -> None:
        """Take away content, or what is not to be seen in it, from a message that stays in its own words; `content`
        are its attributes that are known to be."""
        if not self._changes_content:
            return
        found = {
            key
            for key in (attribute.key for attribute in message.attributes)
            if key in content or BOOK.carries_content(key) or may_quote_content(key)
        }
        if self._destination.content == "none":
            others = [attribute for attribute in message.attributes if attribute.key not in found]
            del message.attributes[:]
            message.attributes.extend(others)
            events = [event for event in message.events if event.name not in BOOK.content_events]
            del message.events[:]
            message.events.extend(events)
        elif self._redactor is not None:
            for attribute in message.attributes:
                if attribute.key in found:
                    attribute.value.CopyFrom(any_value(self._redacted(plain(attribute.value))))

    def _redact(self, message: Any) -> None:
        """What may repeat content: the status, and events such as exceptions."""
        message.status.message = str(self._redacted(message.status.message))
        for event in message.events:
            for attribute in event.attributes:
                attribute.value.CopyFrom(any_value(self._redacted(plain(attribute.value))))

    def _redacted(self, value: JSON) -> JSON:
        """`value` redacted, and so are the values within JSON text, which stays JSON."""
        assert self._redactor is not None
        if isinstance(value, str):
            inner = decoded(value)
            return self._redactor.text(value) if isinstance(inner, str) else _dumps(self._redacted(inner))
        if isinstance(value, list):
            return [self._redacted(item) for item in value]
        if isinstance(value, dict):
            return {key: self._redacted(item) for key, item in value.items()}
        return self._redactor.value(value)


def _silence(message: Any) -> None:
    """Take away what may quote content beside the attributes: the status's message, and what events say."""
    message.status.message = ""
    for event in message.events:
        kept = [attribute for attribute in event.attributes if not may_quote_content(attribute.key)]
        if len(kept) != len(event.attributes):
            del event.attributes[:]
            event.attributes.extend(kept)


def _priced(span: Span) -> Span:
    _prices().price(span)
    return span


def _dumps(value: JSON) -> str:
    return orjson.dumps(value).decode()


def _keep(request: Any, kept: Iterator[bool]) -> None:
    """Remove the spans for which `kept` says no, and the scopes and resources that are left without any."""
    for resource_spans in request.resource_spans:
        for scope_spans in resource_spans.scope_spans:
            spans = [span for span in scope_spans.spans if next(kept)]
            if len(spans) != len(scope_spans.spans):
                del scope_spans.spans[:]
                scope_spans.spans.extend(spans)
        for number in reversed(range(len(resource_spans.scope_spans))):
            if not resource_spans.scope_spans[number].spans:
                del resource_spans.scope_spans[number]
    for number in reversed(range(len(request.resource_spans))):
        if not request.resource_spans[number].scope_spans:
            del request.resource_spans[number]


def halves(value: bytes) -> tuple[bytes, bytes] | None:
    """A request as two that hold half of its spans each, in order; None when it cannot be cut, or is no request."""
    try:
        request = ExportTraceServiceRequest.FromString(value)
    except DecodeError:
        return None
    count = len(messages_of(request))
    if count < 2:
        return None
    second = ExportTraceServiceRequest()
    second.CopyFrom(request)
    _keep(request, iter(number < count // 2 for number in range(count)))
    _keep(second, iter(number >= count // 2 for number in range(count)))
    return request.SerializeToString(), second.SerializeToString()

"""OTLP log records as LLMFlow stores and shows them. Pure: no I/O, no clock.

Names follow the OpenTelemetry log data model. A record has no id there, so one is derived from where it lies in the
message log and from what it says: read twice from the same place it is the same record, and two equal ones stay two.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.logs.v1 import logs_pb2

from llmflow_core.coding_tools import CodingEvent, coding_event
from llmflow_core.conventions.values import text
from llmflow_core.ids import SPAN_ID_BYTES, TRACE_ID_BYTES
from llmflow_core.otlp import attributes_of, plain
from llmflow_core.spans import DEFAULT_PROJECT, JSON

LOG_ID_BYTES = 16

_EVENT_NAME = "event.name"
_SESSION = ("session.id", "gen_ai.conversation.id")
_USER = ("user.id", "enduser.id")


class LogKey(NamedTuple):
    """What makes a log record unique; a second one with the same key is a replay of the first and changes nothing."""

    project: str
    time_ns: int
    id: bytes


@dataclass(slots=True, kw_only=True)
class LogRecord:
    """One log record or event.

    `time_ns` is when it happened in Unix nanoseconds: the record's time, else when it was observed, else when the log
    took it. `severity_number` is OTLP's, 1 to 24, 0 when unknown. `id` has 16 bytes. Of an AI command-line tool's
    event, `coding` holds what it tells.
    """

    project: str = DEFAULT_PROJECT
    id: bytes
    time_ns: int
    observed_time_ns: int | None = None
    severity_number: int = 0
    severity_text: str = ""
    event_name: str = ""
    body: JSON = None
    service: str = ""
    scope: str = ""
    scope_version: str = ""
    scope_attributes: dict[str, JSON] = field(default_factory=dict)
    attributes: dict[str, JSON] = field(default_factory=dict)
    resource_attributes: dict[str, JSON] = field(default_factory=dict)
    dropped_attributes_count: int = 0
    trace_id: bytes | None = None
    span_id: bytes | None = None
    flags: int = 0
    session_id: str | None = None
    user_id: str | None = None
    coding: CodingEvent | None = None

    @property
    def key(self) -> LogKey:
        """The identity that writes deduplicate on."""
        return LogKey(self.project, self.time_ns, self.id)


def logs_of(
    request: ExportLogsServiceRequest, project: str = DEFAULT_PROJECT, *, place: bytes, received_ns: int
) -> list[LogRecord]:
    """Every record of a request, in order.

    `place` names the request wherever it is read again (topic, partition, offset and digest of a record of the message
    log), and no other one; the ids are derived from it. `received_ns` is the time of records that state none.
    """
    records = []
    for number, (message, resource, scope_logs) in enumerate(_messages(request)):
        attributes = attributes_of(message.attributes)
        scope = scope_logs.scope
        record = LogRecord(
            project=project,
            id=hashlib.blake2b(b"%s/%d" % (place, number), digest_size=LOG_ID_BYTES).digest(),
            time_ns=message.time_unix_nano or message.observed_time_unix_nano or received_ns,
            observed_time_ns=message.observed_time_unix_nano or None,
            severity_number=message.severity_number,
            severity_text=message.severity_text,
            # Bridges of logging libraries write the place in the source into the field, so the older attribute wins.
            event_name=str(attributes.get(_EVENT_NAME) or message.event_name),
            body=plain(message.body),
            service=str(resource.get("service.name", "")),
            scope=scope.name,
            scope_version=scope.version,
            scope_attributes=attributes_of(scope.attributes),
            attributes=attributes,
            resource_attributes=resource,
            dropped_attributes_count=message.dropped_attributes_count,
            trace_id=_id(message.trace_id, TRACE_ID_BYTES),
            span_id=_id(message.span_id, SPAN_ID_BYTES),
            flags=message.flags,
            session_id=_first(_SESSION, attributes, resource),
            user_id=_first(_USER, attributes, resource),
        )
        _read_coding_event(record)
        records.append(record)
    return records


def _messages(
    request: ExportLogsServiceRequest,
) -> Iterator[tuple[logs_pb2.LogRecord, dict[str, JSON], logs_pb2.ScopeLogs]]:
    for resource_logs in request.resource_logs:
        resource = attributes_of(resource_logs.resource.attributes)
        for scope_logs in resource_logs.scope_logs:
            for message in scope_logs.log_records:
                yield message, resource, scope_logs


def _read_coding_event(record: LogRecord) -> None:
    name = record.body if isinstance(record.body, str) else ""
    found = coding_event(record.event_name, name, {**record.resource_attributes, **record.attributes})
    if found is None:
        return
    record.event_name, record.coding = found
    record.session_id = record.coding.session_id or record.session_id
    record.user_id = record.coding.user_id or record.user_id


def _id(value: bytes, size: int) -> bytes | None:
    """An id as it should be; what is none is not worth a record."""
    return value if len(value) == size and any(value) else None


def _first(names: tuple[str, ...], *holders: dict[str, JSON]) -> str | None:
    for holder in holders:
        for name in names:
            if (value := text(holder.get(name))) is not None:
                return value
    return None

"""OTLP log records as LLMFlow's."""

from __future__ import annotations

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import SEVERITY_NUMBER_INFO
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord as OtlpRecord

from llmflow_core.logs import LogRecord, logs_of
from llmflow_core.otlp import any_value, key_values

PLACE, RECEIVED_NS = b"otlp_logs/0/7", 1_700_000_000_000_000_000


def read(*records: OtlpRecord, place: bytes = PLACE) -> list[LogRecord]:
    """The records as read from a request of the service `app`."""
    request = ExportLogsServiceRequest()
    resource_logs = request.resource_logs.add()
    resource_logs.resource.attributes.extend(key_values({"service.name": "app", "session.id": "s-1"}))
    scope_logs = resource_logs.scope_logs.add(log_records=records)
    scope_logs.scope.name, scope_logs.scope.version = "logger", "2"
    return logs_of(request, "shop", place=place, received_ns=RECEIVED_NS)


def test_every_field_is_read() -> None:
    (record,) = read(
        OtlpRecord(
            time_unix_nano=5,
            observed_time_unix_nano=6,
            severity_number=SEVERITY_NUMBER_INFO,
            severity_text="INFO",
            event_name="checkout",
            body=any_value({"k": [1, "x"]}),
            attributes=key_values({"user.id": "ada", "n": 1}),
            dropped_attributes_count=2,
            trace_id=b"t" * 16,
            span_id=b"s" * 8,
            flags=1,
        )
    )
    assert record == LogRecord(
        project="shop",
        id=record.id,
        time_ns=5,
        observed_time_ns=6,
        severity_number=9,
        severity_text="INFO",
        event_name="checkout",
        body={"k": [1, "x"]},
        service="app",
        scope="logger",
        scope_version="2",
        attributes={"user.id": "ada", "n": 1},
        resource_attributes={"service.name": "app", "session.id": "s-1"},
        dropped_attributes_count=2,
        trace_id=b"t" * 16,
        span_id=b"s" * 8,
        flags=1,
        session_id="s-1",
        user_id="ada",
    )


def test_a_record_without_a_time_has_the_next_best() -> None:
    observed, received = read(OtlpRecord(observed_time_unix_nano=6), OtlpRecord(body=any_value("hello")))
    assert (observed.time_ns, observed.observed_time_ns) == (6, 6)
    assert (received.time_ns, received.observed_time_ns) == (RECEIVED_NS, None)


def test_ids_that_are_none_are_left_out() -> None:
    (record,) = read(OtlpRecord(time_unix_nano=1, trace_id=b"short", span_id=bytes(8)))
    assert (record.trace_id, record.span_id) == (None, None)


def test_the_same_record_in_the_same_place_has_the_same_id_and_no_other() -> None:
    twin = OtlpRecord(time_unix_nano=1, body=any_value("hello"))
    first, second = read(twin, twin)
    assert [record.id for record in read(twin, twin)] == [first.id, second.id]
    elsewhere = read(twin, place=b"otlp_logs/0/8")[0]
    assert len({first.id, second.id, elsewhere.id}) == 3
    assert len(first.id) == 16


def test_the_attribute_names_the_event_where_a_bridge_writes_the_source() -> None:
    (record,) = read(
        OtlpRecord(
            time_unix_nano=1, event_name="event src/main.rs:7", attributes=key_values({"event.name": "shop.paid"})
        )
    )
    assert (record.event_name, record.coding) == ("shop.paid", None)

"""How a destination is doing: what GET /status shows of it. Never a secret."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from llmflow_core.destinations.destination import Destination
from llmflow_exporter import metrics

State = Literal["starting", "ok", "retrying", "open", "paused", "failed"]


@dataclass(slots=True, kw_only=True)
class Status:
    """Counts are of the log's records since this process began with the destination; `lag` are those yet to come.

    `state` is `open` while the circuit breaker is, and `failed` when the destination could not even be begun with.
    """

    destination: Destination
    since: datetime = field(default_factory=lambda: datetime.now(UTC))
    state: State = "starting"
    sent: int = 0
    sent_bytes: int = 0
    filtered: int = 0
    dead_letters: int = 0
    rejected_spans: int = 0
    failures_in_a_row: int = 0
    lag: int | None = None
    last_success: datetime | None = None
    last_error: str | None = None
    last_error_at: datetime | None = None
    next_attempt: datetime | None = None

    def took(self, records: int, size: int) -> None:
        """The destination has taken so many records, and bytes."""
        name = self.destination.name
        self.sent += records
        self.sent_bytes += size
        self.last_success = datetime.now(UTC)
        metrics.LAST_SENT.labels(name).set_to_current_time()
        metrics.RECORDS.labels(name, "sent").inc(records)
        metrics.BYTES.labels(name).inc(size)

    def left_out(self, records: int) -> None:
        """So many records had nothing in them that the destination wants."""
        self.filtered += records
        metrics.RECORDS.labels(self.destination.name, "filtered").inc(records)

    def buried(self) -> None:
        """One record, or a part of it, became a dead letter."""
        self.dead_letters += 1
        metrics.RECORDS.labels(self.destination.name, "dead_letter").inc()

    def rejected(self, spans: int) -> None:
        """The destination took a request without so many of its spans."""
        self.rejected_spans += spans
        metrics.REJECTED_SPANS.labels(self.destination.name).inc(spans)

    def is_well(self) -> None:
        """An attempt went through to its end."""
        self.is_idle()
        metrics.UP.labels(self.destination.name).set(1)

    def is_idle(self) -> None:
        """The log answers, and has nothing more for the destination."""
        self.state = "ok"
        self.failures_in_a_row = 0
        self.next_attempt = None

    def has_failed(self, reason: str, state: State) -> None:
        """An attempt failed."""
        self.state = state
        self.failures_in_a_row += 1
        self.last_error = reason
        self.last_error_at = datetime.now(UTC)
        metrics.UP.labels(self.destination.name).set(0)

    def lags(self, records: int) -> None:
        """So many records are yet to come."""
        self.lag = records
        metrics.LAG.labels(self.destination.name).set(records)

    def document(self) -> dict[str, Any]:
        """All of it, as JSON can hold it."""
        destination = self.destination
        return {
            "name": destination.name,
            "origin": destination.origin,
            "since": self.since,
            "address": destination.address,
            "protocol": destination.protocol,
            "dialect": destination.dialect,
            "group": destination.group,
            "state": self.state,
            "sent": self.sent,
            "sent_bytes": self.sent_bytes,
            "filtered": self.filtered,
            "dead_letters": self.dead_letters,
            "rejected_spans": self.rejected_spans,
            "failures_in_a_row": self.failures_in_a_row,
            "lag": self.lag,
            "last_success": self.last_success,
            "last_error": self.last_error,
            "last_error_at": self.last_error_at,
            "next_attempt": self.next_attempt,
        }

"""What summaries and rollups are made from."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple

from llmflow_store.rows import Column

_CALLS = ("generation", "embedding")


class Fresh(NamedTuple):
    """A span that has just been inserted: columns of its row, as stored; `start_time` in microseconds."""

    project: str
    trace_id: bytes
    span_id: bytes
    start_time: int
    start_time_nanos: int
    duration_ns: int
    parent_span_id: bytes | None
    name: str
    status: str
    service: str
    observation_type: str
    provider: str | None
    model: str | None
    response_model: str | None
    input_tokens: int | None
    output_tokens: int | None
    cache_read_tokens: int | None
    cache_write_tokens: int | None
    reasoning_tokens: int | None
    cost: Decimal | None
    input_cost: Decimal | None
    output_cost: Decimal | None
    time_to_first_token_ns: int | None
    user_id: str | None
    session_id: str | None
    tags: list[str]
    environment: str | None

    @property
    def start_time_ns(self) -> int:
        """Nanoseconds since the Unix epoch."""
        return self.start_time * 1000 + self.start_time_nanos

    @property
    def known_model(self) -> str | None:
        """The model that was asked for, else the one that answered."""
        return self.response_model if self.model is None else self.model

    @property
    def unpriced(self) -> bool:
        """Whether this is a model call with tokens and without a cost."""
        has_tokens = self.input_tokens is not None or self.output_tokens is not None
        return self.cost is None and has_tokens and self.observation_type in _CALLS


def fresh_spans(columns: Mapping[str, Column]) -> list[Fresh]:
    """The same of columns that `span_columns` gave."""
    return list(map(Fresh._make, zip(*(columns[name] for name in Fresh._fields), strict=True)))

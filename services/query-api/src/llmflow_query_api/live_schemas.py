"""The data of the live stream's events."""

from __future__ import annotations

from msgspec import Struct

from llmflow_query_api.schemas import TraceSummary


class ChangedTraces(Struct, frozen=True, kw_only=True):
    """Traces that are new or have changed, newest first, as they are now: the data of an event `traces`."""

    traces: list[TraceSummary]

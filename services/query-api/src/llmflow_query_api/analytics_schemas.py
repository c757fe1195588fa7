"""The bodies of analytics and facets."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from llmflow_store.analytics import Aggregation, Metric

Value = Annotated[float | None, Meta(description="In `unit`; null where nothing was measured.", examples=[12.75])]


class AnalyticsPoint(Struct, frozen=True, kw_only=True):
    """One interval, by its beginning."""

    time: datetime
    value: Value


class AnalyticsGroup(Struct, frozen=True, kw_only=True):
    """What the spans of one group come to. `key` has a value for each dimension of `group_by`."""

    key: Annotated[dict[str, str], Meta(examples=[{"model": "gpt-4o-mini"}])]
    value: Value
    span_count: int
    points: Annotated[list[AnalyticsPoint], Meta(description="Empty without an interval, or without spans.")]


class Analytics(Struct, frozen=True, kw_only=True, rename={"from_": "from"}):
    """One metric over a range: `total` is over all spans, also those that are in no group; groups by value, largest
    first. `from` and `to` are what was counted: the range asked for, widened to whole minutes or hours."""

    metric: Metric
    aggregation: Aggregation
    unit: Literal["count", "tokens", "usd", "nanoseconds", "ratio"]
    from_: Annotated[datetime, Meta(description="Counted from here.")]
    to: Annotated[datetime, Meta(description="Counted up to here.")]
    interval_seconds: Annotated[int | None, Meta(examples=[3600])]
    total: AnalyticsGroup
    groups: list[AnalyticsGroup]
    source: Annotated[
        Literal["rollups", "spans"], Meta(description="What was read: percentiles of either are right within 2 %.")
    ]


class Facet(Struct, frozen=True, kw_only=True):
    """One value of a field, and how many spans have it."""

    value: Annotated[str, Meta(examples=["gpt-4o-mini"])]
    span_count: int


class FacetList(Struct, frozen=True, kw_only=True):
    """The most frequent values of each field, for a filter bar. `sampled` says that only the newest matching spans
    were counted."""

    fields: Annotated[dict[str, list[Facet]], Meta(examples=[{"model": [{"value": "gpt-4o", "span_count": 12}]}])]
    sampled: bool


class FilterField(Struct, frozen=True, kw_only=True):
    """A field of the filter language. After a `keyed` one comes a dot and a key: `attr.feature`."""

    name: Annotated[str, Meta(examples=["status"])]
    kind: Annotated[str, Meta(examples=["choice"])]
    description: str
    choices: Annotated[list[str], Meta(examples=[["unset", "ok", "error"]])]
    keyed: bool


class FilterFields(Struct, frozen=True, kw_only=True):
    """Everything that a filter can speak of."""

    fields: list[FilterField]
    aliases: Annotated[dict[str, str], Meta(examples=[{"env": "environment"}])]

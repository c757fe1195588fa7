"""Rollups: what happened a minute, an hour and a day, kept by every write, so that charts read few rows.

`rollups_*` are keyed by everything a span has few values of; `rollups_value_*` by one dimension, type and status:
`model`, `user`, and `attr.KEY` for the attributes chosen for it; a whole model is one row as well, and so is `all`.
`rollups_total_*` has what users and chosen attributes come to in a day and a week, without sketches. A dimension that a
span lacks is ''. (`rollups_user_*` are made of these later: see `user_rollups`.)
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from operator import attrgetter
from typing import Any, NamedTuple

import asyncpg

from llmflow_core.spans import ObservationType, Span, Status
from llmflow_store.fresh import Fresh
from llmflow_store.sketch import bucket_of, merge
from llmflow_store.statements import stage
from llmflow_store.values import label

TOKENS = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "reasoning_tokens")
COSTS = ("cost", "input_cost", "output_cost")
COUNTS = ("span_count", "priced_count", "unpriced_count")
SKETCHES = ("duration_ns", "time_to_first_token_ns")
USER_DIMENSION = "user"
MODEL_DIMENSION = "model"
#: Models without type and status, for their distributions.
WHOLE_MODEL_DIMENSION = "model, whole"
#: Everything, without value, type and status, for distributions over all spans.
ALL_DIMENSION = "all"

_KEY = ("project", "bucket", "service", "provider", "model", "observation_type", "environment", "status")
_VALUE_KEY = ("project", "bucket", "dimension", "value", "observation_type", "status")
_TOTAL_KEY = ("project", "bucket", "dimension", "value")
_SUMMED = (*TOKENS, *COSTS, *COUNTS)
_TOTALED = ("span_count", *TOKENS, *COSTS, "unpriced_count")
_REQUESTS = frozenset({ObservationType.GENERATION, ObservationType.EMBEDDING})
_MINUTE_US, _HOUR_US, _DAY_US, _WEEK_US = 60_000_000, 3_600_000_000, 86_400_000_000, 604_800_000_000


class _Sums:
    """What is added to a row."""

    __slots__ = (*_SUMMED, *SKETCHES)

    def __init__(self) -> None:
        self.span_count = self.priced_count = self.unpriced_count = 0
        self.input_tokens = self.output_tokens = 0
        self.cache_read_tokens = self.cache_write_tokens = self.reasoning_tokens = 0
        self.cost = self.input_cost = self.output_cost = Decimal()
        self.duration_ns: dict[int, int] = {}
        self.time_to_first_token_ns: dict[int, int] = {}

    def add(self, span: Fresh) -> None:
        """Add one span."""
        self.span_count += 1
        self.input_tokens += span.input_tokens or 0
        self.output_tokens += span.output_tokens or 0
        self.cache_read_tokens += span.cache_read_tokens or 0
        self.cache_write_tokens += span.cache_write_tokens or 0
        self.reasoning_tokens += span.reasoning_tokens or 0
        if span.cost is not None:
            self.priced_count += 1
            self.cost += span.cost
        elif span.unpriced:
            self.unpriced_count += 1
        self.input_cost += span.input_cost or 0
        self.output_cost += span.output_cost or 0
        bucket = bucket_of(span.duration_ns)
        self.duration_ns[bucket] = self.duration_ns.get(bucket, 0) + 1
        if span.time_to_first_token_ns is not None:
            bucket = bucket_of(span.time_to_first_token_ns)
            self.time_to_first_token_ns[bucket] = self.time_to_first_token_ns.get(bucket, 0) + 1

    @classmethod
    def of(cls, several: Sequence[_Sums]) -> _Sums:
        """What they come to together."""
        together = cls()
        for name in _SUMMED:
            setattr(together, name, sum([getattr(sums, name) for sums in several]))
        for name in SKETCHES:
            setattr(together, name, merge(getattr(sums, name) for sums in several))
        return together

    def row(self) -> tuple[Any, ...]:
        """The values of the columns after the key."""
        return (*_summed(self), sketch_text(self.duration_ns), sketch_text(self.time_to_first_token_ns))


_summed = attrgetter(*_SUMMED)
_totaled = attrgetter(*_TOTALED)
_Groups = dict[tuple[Any, ...], _Sums]


def sketch_text(counts: Mapping[int, int]) -> str:
    """A sketch as the database reads it from text, which is written faster than arrays are sent."""
    if not counts:
        return '("{}","{}")'
    buckets = sorted(counts)
    return f'("{{{",".join(map(str, buckets))}}}","{{{",".join([str(counts[bucket]) for bucket in buckets])}}}")'


class Addition(NamedTuple):
    """What is added to one of the tables: rows in the order of their keys, of which numbers are added to `summed` and
    distributions, as `sketch_text` has them, to `sketches`."""

    table: str
    key: Sequence[str]
    summed: Sequence[str]
    sketches: Sequence[str]
    rows: Sequence[tuple[Any, ...]]


def additions_of(fresh: Sequence[Fresh], spans: Sequence[Span], attributes: Collection[str]) -> list[Addition]:
    """What spans add to the rollups: `fresh` are their rows, in the same order."""
    minutes = _grouped(fresh)
    hours = _coarser(minutes, _HOUR_US)
    value_hours = _grouped_by_value(fresh, spans, attributes)
    days = _totals(value_hours, _DAY_US)
    weeks = _totals(value_hours, _WEEK_US)
    models = _of_models(hours)
    whole_models = _of_whole_models(models)
    value_hours |= models | whole_models | _of_all(whole_models)
    additions = [
        Addition(table, key, _SUMMED, SKETCHES, [(*values, *groups[values].row()) for values in sorted(groups)])
        for table, key, groups in (
            ("rollups_minute", _KEY, minutes),
            ("rollups_hour", _KEY, hours),
            ("rollups_day", _KEY, _coarser(hours, _DAY_US)),
            ("rollups_value_hour", _VALUE_KEY, value_hours),
            ("rollups_value_day", _VALUE_KEY, _coarser(value_hours, _DAY_US)),
        )
    ]
    for table, totals in (("rollups_total_day", days), ("rollups_total_week", weeks)):
        rows = [(*values, *totals[values]) for values in sorted(totals)]
        additions.append(Addition(table, _TOTAL_KEY, ("request_count", "error_count", *_TOTALED), (), rows))
    return additions


async def add_to_rollups(connection: asyncpg.Connection[Any], additions: Iterable[Addition]) -> None:
    """Add what `additions_of` gave, within the open transaction.

    The tables and the rows are always in the same order: so concurrent writers wait for each other, but never in a
    circle.
    """
    for table, key, summed, sketches, rows in additions:
        if rows:
            await stage(connection, table, (*key, *summed, *sketches), rows, as_text=sketches)
            await connection.execute(_upsert(table, key, summed, sketches))


def _upsert(table: str, key: Sequence[str], summed: Sequence[str], sketches: Sequence[str]) -> str:
    columns = ", ".join((*key, *summed, *sketches))
    staged = ", ".join((*key, *summed, *(f"{name}::sketch" for name in sketches)))
    additions = [f"{name} = r.{name} + excluded.{name}" for name in summed]
    additions += [f"{name} = sketch_merge(r.{name}, excluded.{name})" for name in sketches]
    return f"""
INSERT INTO {table} AS r ({columns}) SELECT {staged} FROM pg_temp.staged_{table}
ON CONFLICT ({", ".join(key)}) DO UPDATE SET
    {", ".join(additions)}
"""  # noqa: S608 - the names are constants


def _grouped(spans: Iterable[Fresh]) -> _Groups:
    groups: defaultdict[tuple[Any, ...], _Sums] = defaultdict(_Sums)
    for span in spans:
        key = (
            span.project,
            span.start_time - span.start_time % _MINUTE_US,
            span.service,
            span.provider or "",
            span.known_model or "",
            span.observation_type,
            span.environment or "",
            span.status,
        )
        groups[key].add(span)
    return groups


def _grouped_by_value(fresh: Iterable[Fresh], spans: Iterable[Span], attributes: Collection[str]) -> _Groups:
    groups: defaultdict[tuple[Any, ...], _Sums] = defaultdict(_Sums)
    for row, span in zip(fresh, spans, strict=True):
        hour = row.start_time - row.start_time % _HOUR_US
        if row.user_id is not None:
            groups[row.project, hour, USER_DIMENSION, row.user_id, row.observation_type, row.status].add(row)
        for dimension, value in _chosen(span, attributes) if attributes else ():
            groups[row.project, hour, dimension, value, row.observation_type, row.status].add(row)
    return groups


def _of_models(hours: _Groups) -> _Groups:
    """The same by model alone, '' where there is none, as a dimension of `rollups_value_*`."""
    return _merged(
        ((project, bucket, MODEL_DIMENSION, model, observation_type, status), sums)
        for (project, bucket, _, _, model, observation_type, _, status), sums in hours.items()
    )


def _of_whole_models(models: _Groups) -> _Groups:
    """The same by model, whatever type and status, as a dimension of `rollups_value_*`."""
    return _merged(
        ((project, bucket, WHOLE_MODEL_DIMENSION, model, "", ""), sums)
        for (project, bucket, _, model, *_), sums in models.items()
    )


def _of_all(models: _Groups) -> _Groups:
    """The same without any dimension, as a dimension of `rollups_value_*`."""
    return _merged(
        ((project, bucket, ALL_DIMENSION, "", "", ""), sums) for (project, bucket, *_), sums in models.items()
    )


def _totals(groups: _Groups, unit_us: int) -> Mapping[tuple[Any, ...], Sequence[Any]]:
    """What `rollups_total_*` sums, by its key, for longer times: requests, errors, then _TOTALED."""
    totals: dict[tuple[Any, ...], Sequence[Any]] = {}
    for (project, bucket, dimension, value, observation_type, status), sums in groups.items():
        key = (project, bucket - bucket % unit_us, dimension, value)
        requests = sums.span_count if observation_type in _REQUESTS else 0
        added = (requests, sums.span_count if status == Status.ERROR else 0, *_totaled(sums))
        totals[key] = [a + b for a, b in zip(totals[key], added, strict=True)] if key in totals else added
    return totals


def _chosen(span: Span, attributes: Collection[str]) -> Iterator[tuple[str, str]]:
    for key in attributes:
        value = span.attributes.get(key)
        if isinstance(value, (str, int, float)):
            yield f"attr.{key}", label(str(value).lower() if isinstance(value, bool) else str(value))


def _coarser(groups: _Groups, unit_us: int) -> _Groups:
    """The same sums for longer times. The time is the second part of a key."""
    return _merged(
        ((project, bucket - bucket % unit_us, *others), sums) for (project, bucket, *others), sums in groups.items()
    )


def _merged(sums_by_key: Iterable[tuple[tuple[Any, ...], _Sums]]) -> _Groups:
    """The sums of each key. Those that are a key's only ones are shared with the groups they come from."""
    gathered: defaultdict[tuple[Any, ...], list[_Sums]] = defaultdict(list)
    for key, sums in sums_by_key:
        gathered[key].append(sums)
    return {key: found[0] if len(found) == 1 else _Sums.of(found) for key, found in gathered.items()}

"""Spans with what is written of them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from copy import copy
from itertools import groupby, islice
from operator import attrgetter
from typing import Any, overload

from llmflow_core.conventions.rules import forget_sums
from llmflow_core.spans import CALLS_OF_BATCH, Span
from llmflow_store.fresh import Fresh, fresh_spans
from llmflow_store.rollups import additions_of
from llmflow_store.rows import KEY_COLUMNS, content_columns, encoded_rows, has_content, span_columns
from llmflow_store.term_copy import encoded_terms
from llmflow_store.trace_summaries import summary_rows

#: The values of KEY_COLUMNS.
Key = tuple[Any, ...]

#: Few enough that they stay near the processor while column after column is made of them.
_AT_ONCE = 500
_KEY = attrgetter("project", "trace_id", "span_id", "start_time_ns")


class SpanBatch(Sequence[Span]):
    """Spans, and the rows that are written of them: all in the order of their keys, of spans with equal keys the first.

    `Store.write_spans` makes one of any other sequence. Made beforehand, in a thread, it lets this process and the
    database work at the same time. Values of `rollup_attributes` are summed up as users are. Raises Permanent for a
    span that no row can hold.
    """

    def __init__(self, spans: Sequence[Span], rollup_attributes: Collection[str] = ()) -> None:
        self._given = spans
        self._rollup_attributes = rollup_attributes
        in_order = sorted(spans, key=_KEY)
        self.spans = [span for key, group in groupby(in_order, key=_KEY) for span in islice(group, 1)]
        self.projects = sorted({span.project for span in self.spans})
        self.keys: list[Key] = []
        self.rows: list[bytes] = []
        fresh: list[Fresh] = []
        for at in range(0, len(self.spans), _AT_ONCE):
            columns = span_columns(self.spans[at : at + _AT_ONCE])
            self.keys += zip(*(columns[name] for name in KEY_COLUMNS), strict=True)
            self.rows += encoded_rows(columns)
            fresh += fresh_spans(columns)
        #: Those that count once by their ids, whenever they began.
        self.told_anew = [
            key for key, span in zip(self.keys, self.spans, strict=True) if CALLS_OF_BATCH in span.attributes
        ]
        self.content = encoded_rows(content_columns([span for span in self.spans if has_content(span)]))
        self.said = [key for key, span in zip(self.keys, self.spans, strict=True) if span.content]
        self.terms = encoded_terms(self.spans)
        self.summaries = summary_rows(fresh)
        self.rollups = additions_of(fresh, self.spans, rollup_attributes)

    def only(self, keys: Collection[Key]) -> SpanBatch:
        """Those of the spans whose keys are among `keys`."""
        if len(keys) == len(self.keys):
            return self
        chosen = [span for span, key in zip(self.spans, self.keys, strict=True) if key in keys]
        return SpanBatch(chosen, self._rollup_attributes)

    def without_sums(self, ids: Collection[tuple[str, bytes, bytes]]) -> SpanBatch:
        """The same with tokens and cost forgotten of the spans whose project, trace id and span id are among `ids`."""
        if not ids:
            return self
        spans = list(self.spans)
        for number, span in enumerate(spans):
            if (span.project, span.trace_id, span.span_id) in ids:
                spans[number] = copy(span)
                forget_sums(spans[number])
        return SpanBatch(spans, self._rollup_attributes)

    @overload
    def __getitem__(self, index: int) -> Span: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Span]: ...
    def __getitem__(self, index: int | slice) -> Span | Sequence[Span]:
        return self._given[index]

    def __len__(self) -> int:
        return len(self._given)

    def __iter__(self) -> Iterator[Span]:
        return iter(self._given)

"""Spans with what is written of them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from operator import itemgetter
from typing import Any, overload

from llmflow_core.spans import Span
from llmflow_store.fresh import fresh_spans
from llmflow_store.rollups import additions_of
from llmflow_store.rows import KEY_COLUMNS, content_row, key_row, span_rows
from llmflow_store.term_copy import encoded_terms
from llmflow_store.trace_summaries import summary_rows

Row = tuple[Any, ...]

key_of = itemgetter(*range(len(KEY_COLUMNS)))


class SpanBatch(Sequence[Span]):
    """Spans, and the rows that are written of them: all in the order of their keys, of spans with equal keys the first.

    `Store.write_spans` makes one of any other sequence. Made beforehand, in a thread, it lets this process and the
    database work at the same time. Values of `rollup_attributes` are summed up as users are. Raises Permanent for a
    span that no row can hold.
    """

    def __init__(self, spans: Sequence[Span], rollup_attributes: Collection[str] = ()) -> None:
        self._given = spans
        self._rollup_attributes = rollup_attributes
        by_key = {span.key: span for span in reversed(spans)}
        self.spans = [by_key[key] for key in sorted(by_key)]
        self.projects = sorted({span.project for span in self.spans})
        self.rows = span_rows(self.spans)
        self.content = [row for row in map(content_row, self.spans) if row]
        self.said = [key_row(span) for span in self.spans if span.content]
        self.terms = encoded_terms(self.spans)
        fresh = fresh_spans(self.rows)
        self.summaries = summary_rows(fresh)
        self.rollups = additions_of(fresh, self.spans, rollup_attributes)

    def only(self, keys: Collection[Row]) -> SpanBatch:
        """Those of the spans whose rows begin with one of `keys`."""
        if len(keys) == len(self.rows):
            return self
        chosen = [span for span, row in zip(self.spans, self.rows, strict=True) if key_of(row) in keys]
        return SpanBatch(chosen, self._rollup_attributes)

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

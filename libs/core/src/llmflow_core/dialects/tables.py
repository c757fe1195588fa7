"""The engine behind the dialects' tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property, lru_cache
from operator import attrgetter

from llmflow_core.conventions import BOOK
from llmflow_core.conventions.otel import CONVENTION as OTEL
from llmflow_core.messages import Conversation
from llmflow_core.spans import JSON, ObservationType, Span

#: The attributes that a fact of a span is written to, each with what makes its value of the fact's.
Names = tuple[tuple[str, Callable[[JSON], JSON]], ...]

# Names by which conventions say what a span did. Beside another dialect's they would contradict it.
_KINDS = frozenset(
    {
        "ai.operationId",
        "gen_ai.operation.name",
        "langfuse.observation.type",
        "langsmith.span.kind",
        "llm.request.type",
        "llmflow.observation.type",
        "mlflow.spanType",
        "openinference.span.kind",
        "operation.name",
        "traceloop.span.kind",
    }
)
_MOST_NAMES = 20_000
_LONGEST_NAME = 200
#: Where a fact that came with the process rather than with the span is looked for.
_PROCESS = {"environment": "deployment.environment.name", "release": "service.version"}


def as_it_is(value: JSON) -> JSON:
    """The value itself."""
    return value


def seconds(nanoseconds: JSON) -> JSON:
    """Nanoseconds as seconds."""
    return nanoseconds / 1e9


def dollars(amount: Decimal) -> JSON:
    """An amount as a number."""
    return float(amount)


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """One way to write spans.

    `facts` maps a field of Span to the attributes that state it. `kind` gives the attributes that say what the span
    did, `said` those that hold its content, `more` whatever takes several fields to tell.
    """

    facts: Mapping[str, Names]
    kind: Callable[[Span], Mapping[str, JSON]]
    said: Callable[[Span, Conversation], Mapping[str, JSON]]
    more: Callable[[Span], Mapping[str, JSON]] = field(default=lambda _: {})

    def attributes(self, span: Span, conversation: Conversation) -> dict[str, JSON]:
        """All that `span` and its content say, in this dialect; no entry is None."""
        found: dict[str, JSON] = {}
        for (name, targets), value in zip(self._names, self._read(span), strict=True):
            if value is None or value == [] or (name in _PROCESS and _of_process(span, name) == value):
                continue
            for attribute, convert in targets:
                found[attribute] = convert(value)
        found |= self.more(span)
        found |= self.kind(span)
        found |= self.said(span, conversation)
        return {name: value for name, value in found.items() if value is not None}

    @cached_property
    def _names(self) -> tuple[tuple[str, Names], ...]:
        return tuple({**COMMON, **self.facts}.items())

    @cached_property
    def _read(self) -> Callable[[Span], tuple[JSON, ...]]:
        return attrgetter(*(name for name, _ in self._names))


def keeps(attribute: str) -> bool:
    """Whether a span's own attribute of this name stays beside what a dialect gives: facts, kinds and content in the
    words of another convention do not, everything else does."""
    # Applications make up names without end.
    return _keeps(attribute) if len(attribute) <= _LONGEST_NAME else _keeps.__wrapped__(attribute)


@lru_cache(_MOST_NAMES)
def _keeps(attribute: str) -> bool:
    if attribute in OTEL.fields:
        return True
    return attribute not in _KINDS and not BOOK.fills(attribute) and not BOOK.carries_content(attribute)


def _of_process(span: Span, name: str) -> JSON:
    return span.resource_attributes.get(_PROCESS[name])


def same(*names: str) -> Names:
    """The value as it is, under these names."""
    return tuple((name, as_it_is) for name in names)


def llmflow_kind(span: Span) -> dict[str, JSON]:
    """The kind of span in LLMFlow's own words, for what a dialect has no word for."""
    return {} if span.observation_type == ObservationType.SPAN else {"llmflow.observation.type": span.observation_type}


#: What OpenTelemetry's general conventions, or else LLMFlow's, have a name for.
COMMON: Mapping[str, Names] = {
    "user_id": same("user.id"),
    "session_id": same("session.id"),
    "tags": same("llmflow.tags"),
    "error_type": same("error.type"),
    "http_status": same("http.response.status_code"),
    "environment": same("deployment.environment.name"),
    "release": same("service.version"),
}

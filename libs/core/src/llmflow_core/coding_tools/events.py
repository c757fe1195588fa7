"""The one shape that the log events of all AI command-line tools are read into, and the tables that do it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from llmflow_core.conventions.values import count
from llmflow_core.spans import JSON

Convert = Callable[[JSON], JSON]


class EventKind(StrEnum):
    """What an event tells. `request` is one finished call of a model, with its tokens; no call has two of them."""

    SESSION_START = "session_start"
    PROMPT = "prompt"
    REQUEST = "request"
    ERROR = "error"
    TOOL_DECISION = "tool_decision"
    TOOL_RESULT = "tool_result"
    OTHER = "other"


class Decision(StrEnum):
    """Whether a tool was allowed to run, by the user or by the configuration."""

    ACCEPT = "accept"
    REJECT = "reject"


@dataclass(slots=True, kw_only=True)
class CodingEvent:
    """What one log event of an AI command-line tool tells.

    Tokens follow the span's rule: `input_tokens` includes cached ones, `output_tokens` reasoning. `cost` is in US
    dollars, None when the tool states none; `duration_ns` in nanoseconds. `error` is the message of what failed.
    """

    tool: str
    kind: EventKind
    session_id: str | None = None
    user_id: str | None = None
    organization_id: str | None = None
    provider: str | None = None
    model: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None
    cost: Decimal | None = None
    duration_ns: int | None = None
    tool_name: str | None = None
    decision: Decision | None = None
    decision_source: str | None = None
    success: bool | None = None
    error: str | None = None


@dataclass(frozen=True)
class MetricPart:
    """What a metric counted in its points with these attributes."""

    name: str
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class CodingTool:
    """How one tool's events and metrics are read.

    Its events' names begin with `prefix`. `kinds` says what an event is by its name; `kind` may correct that from the
    attributes. `fields` maps an event's field to the attributes that may fill it, best first, and the conversion;
    `sums` maps a token count to the attributes that are added up for it. `provider` makes the models. `metrics` maps a
    figure of the tool's use to the parts of its metrics that are added up for it.
    """

    name: str
    prefix: str
    provider: str
    kinds: Mapping[str, EventKind]
    fields: Mapping[str, tuple[tuple[str, ...], Convert]]
    metrics: Mapping[str, tuple[MetricPart, ...]]
    sums: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    kind: Callable[[EventKind, Mapping[str, JSON]], EventKind] = lambda kind, attributes: kind

    def read(self, name: str, attributes: Mapping[str, JSON]) -> CodingEvent:
        """The event called `name`, which begins with the prefix. An unknown one is of the kind `other`."""
        kind = self.kind(self.kinds.get(name.removeprefix(self.prefix), EventKind.OTHER), attributes)
        event = CodingEvent(tool=self.name, kind=kind, provider=self.provider)
        for target, (sources, convert) in self.fields.items():
            for source in sources:
                if source in attributes and (value := convert(attributes[source])) is not None:
                    setattr(event, target, value)
                    break
        for target, sources in self.sums.items():
            counts = [found for source in sources if (found := count(attributes.get(source))) is not None]
            if counts:
                setattr(event, target, sum(counts))
        return event


def flag(value: JSON) -> bool | None:
    """A boolean, also as the words true and false."""
    return value if isinstance(value, bool) else {"true": True, "false": False}.get(str(value).lower())


def milliseconds(value: JSON) -> int | None:
    """Milliseconds, also as text, as a whole number of nanoseconds."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return round(number * 1e6) if math.isfinite(number) and 0 <= number < 9e12 else None


def one_of(words: Mapping[str, Decision]) -> Convert:
    """Reads a decision by the words that a tool has for it."""
    return lambda value: words.get(str(value).lower())

"""The span as LLMFlow stores and shows it; its field names are the contract of writer, query API and frontend."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from enum import IntEnum, StrEnum
from typing import Any, NamedTuple

DEFAULT_PROJECT = "default"

#: Any value that JSON can hold. Attribute values are of this type.
JSON = Any


class SpanKind(IntEnum):
    """OTLP's SpanKind numbers."""

    UNSPECIFIED = 0
    INTERNAL = 1
    SERVER = 2
    CLIENT = 3
    PRODUCER = 4
    CONSUMER = 5


class Status(StrEnum):
    """OTLP's status code, by name."""

    UNSET = "unset"
    OK = "ok"
    ERROR = "error"


class ObservationType(StrEnum):
    """What the span did, as LLM tools name it; `span` is everything that is none of the others."""

    SPAN = "span"
    GENERATION = "generation"
    EMBEDDING = "embedding"
    TOOL = "tool"
    AGENT = "agent"
    CHAIN = "chain"
    RETRIEVER = "retriever"
    RERANKER = "reranker"
    GUARDRAIL = "guardrail"
    EVALUATOR = "evaluator"


#: The tokens and costs that these state, where they do, are the sums of the calls inside them, which state their own.
SUMMING_TYPES = frozenset({ObservationType.AGENT, ObservationType.CHAIN})
#: The attribute of a span that stands for all calls of a provider's batch: how many those are. Such a span is told of
#: anew whenever somebody asks for the batch, and some providers do not say when it was: it counts once by its ids.
CALLS_OF_BATCH = "llmflow.usage.calls"


class SpanKey(NamedTuple):
    """What makes a span unique; a second span with the same key is a replay of the first and changes nothing."""

    project: str
    trace_id: bytes
    span_id: bytes
    start_time_ns: int


@dataclass(slots=True, kw_only=True)
class Score:
    """A judgement of a span, numeric (`value`), categorical (`label`) or both (a boolean is 0 or 1 with its word).

    `comment` is the reason that was given, `source` who judged (`eval`, `user`, `annotation`, ...), `time_ns` when, in
    Unix nanoseconds.
    """

    name: str
    value: float | None = None
    label: str | None = None
    comment: str | None = None
    source: str = "eval"
    time_ns: int | None = None


@dataclass(slots=True, kw_only=True)
class Span:
    """One span, its LLM facts lifted out of whatever convention it came in.

    Times are integers: nanoseconds since the Unix epoch, and nanoseconds of duration. Costs are US dollars;
    `price_source` says whose price made them (`llmflow_core.pricing`), None for a cost that came with the span.
    `input_tokens` includes cached tokens and `output_tokens` includes reasoning tokens (the GenAI semantic
    conventions' rule). `attributes` holds what came, less what is content; `content` holds the attributes that carry
    prompts, completions, tool arguments and the like, exactly as they came, keyed by attribute name (message events
    as `event:<n>`), and is stored apart. `llmflow_core.content.conversation` turns it into messages.
    """

    project: str = DEFAULT_PROJECT
    trace_id: bytes
    span_id: bytes
    parent_span_id: bytes | None = None
    trace_state: str = ""
    name: str
    kind: int = SpanKind.INTERNAL
    start_time_ns: int
    duration_ns: int
    status: str = Status.UNSET
    status_message: str = ""

    service: str = ""
    scope: str = ""
    scope_version: str = ""
    observation_type: str = ObservationType.SPAN

    provider: str | None = None
    model: str | None = None
    response_model: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None
    cost: Decimal | None = None
    input_cost: Decimal | None = None
    output_cost: Decimal | None = None
    price_source: str | None = None
    time_to_first_token_ns: int | None = None
    tokens_per_second: float | None = None
    finish_reasons: list[str] = field(default_factory=list)
    error_type: str | None = None
    http_status: int | None = None

    user_id: str | None = None
    session_id: str | None = None
    tags: list[str] = field(default_factory=list)
    environment: str | None = None
    release: str | None = None
    prompt_name: str | None = None
    prompt_version: str | None = None

    attributes: dict[str, JSON] = field(default_factory=dict)
    resource_attributes: dict[str, JSON] = field(default_factory=dict)
    events: list[dict[str, JSON]] = field(default_factory=list)
    links: list[dict[str, JSON]] = field(default_factory=list)
    scores: list[Score] = field(default_factory=list)
    content: dict[str, JSON] = field(default_factory=dict)
    input_preview: str | None = None
    output_preview: str | None = None

    @property
    def key(self) -> SpanKey:
        """The identity that writes deduplicate on."""
        return SpanKey(self.project, self.trace_id, self.span_id, self.start_time_ns)

    @property
    def end_time_ns(self) -> int:
        """Nanoseconds since the Unix epoch at which the span ended."""
        return self.start_time_ns + self.duration_ns

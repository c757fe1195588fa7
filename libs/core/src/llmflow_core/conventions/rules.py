"""The engine behind the convention tables."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from llmflow_core.messages import Conversation
from llmflow_core.spans import JSON, SUMMING_TYPES, ObservationType, Span, SpanKind

#: Turns an attribute's value into a field's; None when it is not of the right kind.
Convert = Callable[[JSON], JSON]

#: The span field that an attribute fills, or the several ones.
Rule = tuple[str, Convert] | tuple[tuple[str, Convert], ...]

#: A preview is the beginning of the text, this many characters at most.
PREVIEW_CHARACTERS = 200

# What would count twice if a span that sums up others kept it. The attributes still tell.
_SUMS = (
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
    "cost",
    "input_cost",
    "output_cost",
)

#: Applications make up attribute names without end; this many are remembered at a time.
MOST_NAMES = 20_000
_LONGEST_NAME = 200


@dataclass(frozen=True, kw_only=True)
class Convention:
    """One dialect.

    `fields` and `resource_fields` map an attribute to the field or the fields that it fills, earlier entries winning
    over later ones. `content` names the attributes that carry content, `content_prefixes` families of them (of which
    those that `fields` names are none), `content_events` the events. `observation_type` says what the span did, None if
    this dialect does not tell. `finish` completes a span, once the tables have filled its fields, with what takes
    several attributes, events or content to tell. `conversation` reads a span's content, None if in another dialect.
    The functions are called for spans of every dialect, so they must find out at little cost that one is not theirs.
    """

    name: str
    fields: Mapping[str, Rule] = field(default_factory=dict)
    resource_fields: Mapping[str, Rule] = field(default_factory=dict)
    content: frozenset[str] = frozenset()
    content_prefixes: tuple[str, ...] = ()
    content_events: frozenset[str] = frozenset()
    observation_type: Callable[[Span], ObservationType | None] | None = None
    finish: Callable[[Span], None] | None = None
    conversation: Callable[[Span], Conversation | None] | None = None


class RuleBook:
    """All conventions, in order of precedence, merged into look-ups that touch each attribute once."""

    def __init__(self, conventions: Iterable[Convention]) -> None:
        self.conventions = tuple(conventions)
        of_spans = _ranked([convention.fields for convention in self.conventions], 0)
        # What the span itself says wins over what its process says.
        of_resources = _ranked([convention.resource_fields for convention in self.conventions], 1_000_000)
        content = frozenset[str]().union(*(convention.content for convention in self.conventions))
        prefixes = tuple(prefix for convention in self.conventions for prefix in convention.content_prefixes)
        self._attributes = _Meanings(of_spans, content, prefixes)
        self._resource_attributes = _Meanings(of_resources, frozenset(), ())
        self._content_events = frozenset[str]().union(*(convention.content_events for convention in self.conventions))
        self._types = tuple(c.observation_type for c in self.conventions if c.observation_type)
        self._finishes = tuple(c.finish for c in self.conventions if c.finish)
        self._conversations = tuple(c.conversation for c in self.conventions if c.conversation)

    @property
    def known_names(self) -> Collection[str]:
        """The attributes whose meaning need not be looked up again, at most MOST_NAMES."""
        return self._attributes.keys()

    def apply(self, span: Span) -> None:
        """See `llmflow_core.conventions.apply_conventions`."""
        found: dict[str, tuple[int, JSON]] = {}
        _collect(found, self._resource_attributes, span.resource_attributes)
        content = _collect(found, self._attributes, span.attributes)
        for name, (_, value) in found.items():
            setattr(span, name, value)
        for name in content:
            span.content[name] = span.attributes.pop(name)
        if span.events:
            self._move_events(span)
        for observation_type in self._types:
            kind = observation_type(span)
            if kind is not None:
                span.observation_type = kind
                break
        for finish in self._finishes:
            finish(span)
        if span.observation_type in SUMMING_TYPES and span.kind != SpanKind.CLIENT:  # a client asks an agent elsewhere
            for name in _SUMS:
                setattr(span, name, None)
        conversation = self.conversation(span) if span.content else None
        if conversation:
            span.input_preview = _preview(conversation, "input")
            span.output_preview = _preview(conversation, "output")
            if not span.finish_reasons:
                span.finish_reasons = [m.finish_reason for m in conversation.output if m.finish_reason]

    def conversation(self, span: Span) -> Conversation | None:
        """The span's content as messages, read by the first convention that knows it."""
        for read in self._conversations:
            conversation = read(span)
            if conversation is not None:
                return conversation
        return None

    def _move_events(self, span: Span) -> None:
        if not any(event["name"] in self._content_events for event in span.events):
            return
        kept = []
        for number, event in enumerate(span.events):
            if event["name"] in self._content_events:
                span.content[f"event:{number}"] = event
            else:
                kept.append(event)
        span.events = kept


class _Meaning(NamedTuple):
    """What an attribute means: the fields that it fills, each with its rank, and whether it is content."""

    fills: tuple[tuple[int, str, Convert], ...]
    content: bool


class _Meanings(dict[str, _Meaning | None]):
    """Attribute -> its meaning, None for none; found out when a name is asked for, and remembered."""

    def __init__(
        self,
        rules: Mapping[str, tuple[tuple[int, str, Convert], ...]],
        content: frozenset[str],
        content_prefixes: tuple[str, ...],
    ) -> None:
        super().__init__()
        self._rules = rules
        self._content = content
        self._content_prefixes = content_prefixes

    def __missing__(self, name: str) -> _Meaning | None:
        fills = self._rules.get(name, ())
        content = name in self._content or (not fills and name.startswith(self._content_prefixes))
        meaning = _Meaning(fills, content) if fills or content else None
        if len(name) <= _LONGEST_NAME:
            if len(self) >= MOST_NAMES:
                self.clear()
            self[name] = meaning
        return meaning


def _ranked(tables: Iterable[Mapping[str, Rule]], rank: int) -> dict[str, tuple[tuple[int, str, Convert], ...]]:
    """Attribute -> the fields it may fill, each with its rank: convention first, place in the table second."""
    ranked: dict[str, tuple[tuple[int, str, Convert], ...]] = {}
    for table in tables:
        for attribute, rule in table.items():
            for name, convert in _pairs(rule):
                ranked[attribute] = (*ranked.get(attribute, ()), (rank, name, convert))
            rank += 1
    return ranked


def _pairs(rule: Rule) -> Iterable[tuple[str, Convert]]:
    return [rule] if isinstance(rule[0], str) else rule


def _collect(found: dict[str, tuple[int, JSON]], meanings: _Meanings, attributes: Mapping[str, JSON]) -> list[str]:
    """Put into `found`, for each field, the best value so far and its rank; return the attributes that are content."""
    content = []
    for attribute, value in attributes.items():
        meaning = meanings[attribute]
        if meaning is None:
            continue
        for rank, name, convert in meaning.fills:
            if name in found and found[name][0] < rank:
                continue
            converted = convert(value)
            if converted is not None:
                found[name] = (rank, converted)
        if meaning.content:
            content.append(attribute)
    return content


def _preview(conversation: Conversation, side: str) -> str | None:
    """The beginning of the last user message (input) or of the first answer (output).

    Where the output repeats what led to the answer, the last one is meant.
    """
    if side == "input":
        messages = [m for m in conversation.input[::-1] if m.role == "user"] or conversation.input[::-1]
    else:
        answers = [m for m in conversation.output if m.role == "assistant"]
        messages = answers[::-1] if 0 < len(answers) < len(conversation.output) else conversation.output
    for message in messages:
        for part in message.parts:
            if part.type in ("text", "json", "refusal"):
                text = part.text if part.text is not None else str(part.value)
            elif part.type == "tool_call":
                text = f"{part.name}({part.arguments if part.arguments is not None else ''})"
            else:
                continue
            text = " ".join(text[: 4 * PREVIEW_CHARACTERS].split())
            if text:
                return text[:PREVIEW_CHARACTERS]
    return None

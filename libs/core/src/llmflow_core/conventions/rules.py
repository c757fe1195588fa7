"""The engine behind the convention tables."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from operator import itemgetter
from typing import NamedTuple

import orjson

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
_MOST_COMBINATIONS = 1_000
_MOST_PLANNED_NAMES = 100


@dataclass(frozen=True, kw_only=True)
class Convention:
    """One dialect.

    `fields` and `resource_fields` map an attribute to the field or the fields that it fills, earlier entries winning
    over later ones. `content` names the attributes that carry content, `content_prefixes` families of them (of which
    those that `fields` names are none), `content_events` the events. `observation_type` says what the span did, None if
    this dialect does not tell. `finish` completes a span, once the tables have filled its fields, with what takes
    several attributes, events or content to tell. `conversation` reads a span's content, None if in another dialect.
    `marks` are beginnings of attributes and of scopes: `observation_type` and `finish` are called for spans that have
    one of these, or for all where there are none. `conversation` is called for spans of every dialect.
    """

    name: str
    marks: tuple[str, ...] = ()
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
        of_spans = _ranked(convention.fields for convention in self.conventions)
        of_resources = _ranked(convention.resource_fields for convention in self.conventions)
        content = frozenset[str]().union(*(convention.content for convention in self.conventions))
        prefixes = tuple(prefix for convention in self.conventions for prefix in convention.content_prefixes)
        marks = tuple(convention.marks for convention in self.conventions)
        self._attributes = _Meanings(of_spans, content, prefixes, marks)
        self._plans = _Plans(self._attributes)
        self._resource_plans = _Plans(_Meanings(of_resources, frozenset(), (), ()))
        self._content_events = frozenset[str]().union(*(convention.content_events for convention in self.conventions))
        self._hooks = _Hooks(self.conventions)
        self._conversations = tuple(c.conversation for c in self.conventions if c.conversation)

    @property
    def known_names(self) -> Collection[str]:
        """The attributes whose meaning need not be looked up again, at most MOST_NAMES."""
        return self._attributes.keys()

    def fills(self, attribute: str) -> bool:
        """Whether a span's attribute of this name states one of the facts that a Span has fields for."""
        meaning = self._attributes[attribute]
        return meaning is not None and bool(meaning.fills)

    def carries_content(self, attribute: str) -> bool:
        """Whether a span's attribute of this name holds a prompt, a completion or the like."""
        meaning = self._attributes[attribute]
        return meaning is not None and meaning.content

    @property
    def content_events(self) -> frozenset[str]:
        """The names of the events that hold prompts, completions and the like."""
        return self._content_events

    def apply(self, span: Span) -> None:
        """See `llmflow_core.conventions.apply_conventions`."""
        plan = self._plans[tuple(span.attributes)]
        # What the span itself says wins over what its process says.
        _fill(span, self._resource_plans[tuple(span.resource_attributes)], span.resource_attributes)
        _fill(span, plan, span.attributes)
        scope = self._attributes[span.scope]
        types, finishes = self._hooks[plan.marked | scope.marked if scope else plan.marked]
        for name in plan.content:
            span.content[name] = span.attributes.pop(name)
        if span.events:
            self._move_events(span)
        for observation_type in types:
            kind = observation_type(span)
            if kind is not None:
                span.observation_type = kind
                break
        for finish in finishes:
            finish(span)
        if span.observation_type in SUMMING_TYPES and span.kind != SpanKind.CLIENT:  # a client asks an agent elsewhere
            forget_sums(span)
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
    """What an attribute means: the fields that it fills, each with its rank, whether it is content, and, a bit for
    each, the conventions that it marks a span as one of."""

    fills: tuple[tuple[int, str, Convert], ...]
    content: bool
    marked: int


class _Meanings(dict[str, _Meaning | None]):
    """Attribute -> its meaning, None for none; found out when a name is asked for, and remembered."""

    def __init__(
        self,
        rules: Mapping[str, tuple[tuple[int, str, Convert], ...]],
        content: frozenset[str],
        content_prefixes: tuple[str, ...],
        marks: tuple[tuple[str, ...], ...],
    ) -> None:
        super().__init__()
        self._rules = rules
        self._content = content
        self._content_prefixes = content_prefixes
        self._marks = marks

    def __missing__(self, name: str) -> _Meaning | None:
        fills = self._rules.get(name, ())
        content = name in self._content or (not fills and name.startswith(self._content_prefixes))
        marked = sum(1 << number for number, marks in enumerate(self._marks) if name.startswith(marks))
        meaning = _Meaning(fills, content, marked) if fills or content or marked else None
        if len(name) <= _LONGEST_NAME:
            if len(self) >= MOST_NAMES:
                self.clear()
            self[name] = meaning
        return meaning


class _Plan(NamedTuple):
    """What to do with attributes of certain names: the fields that they fill, each with the attributes to try, the
    best first; which of them are content; and the conventions that they mark a span as one of."""

    fills: tuple[tuple[str, tuple[tuple[str, Convert], ...]], ...]
    content: tuple[str, ...]
    marked: int


class _Plans(dict[tuple[str, ...], _Plan]):
    """Names of attributes, in their order -> what to do with them. Most spans have the same as one before."""

    def __init__(self, meanings: _Meanings) -> None:
        super().__init__()
        self._meanings = meanings

    def __missing__(self, names: tuple[str, ...]) -> _Plan:
        fills: dict[str, list[tuple[int, str, Convert]]] = {}
        content = []
        marked = 0
        for attribute in names:
            meaning = self._meanings[attribute]
            if meaning is None:
                continue
            marked |= meaning.marked
            if meaning.content:
                content.append(attribute)
            for rank, name, convert in meaning.fills:
                fills.setdefault(name, []).append((rank, attribute, convert))
        for sources in fills.values():
            sources.sort(key=itemgetter(0))
        plan = _Plan(
            tuple((name, tuple(source[1:] for source in sources)) for name, sources in fills.items()),
            tuple(content),
            marked,
        )
        if len(names) <= _MOST_PLANNED_NAMES and all(len(name) <= _LONGEST_NAME for name in names):
            if len(self) >= _MOST_COMBINATIONS:
                self.clear()
            self[names] = plan
        return plan


_Functions = tuple[tuple[Callable[[Span], ObservationType | None], ...], tuple[Callable[[Span], None], ...]]


class _Hooks(dict[int, _Functions]):
    """Marked conventions, a bit for each -> the functions to call."""

    def __init__(self, conventions: tuple[Convention, ...]) -> None:
        super().__init__()
        self._conventions = conventions

    def __missing__(self, marked: int) -> _Functions:
        chosen = [c for number, c in enumerate(self._conventions) if not c.marks or marked >> number & 1]
        functions = (
            tuple(c.observation_type for c in chosen if c.observation_type),
            tuple(c.finish for c in chosen if c.finish),
        )
        if len(self) >= _MOST_COMBINATIONS:
            self.clear()
        self[marked] = functions
        return functions


def _ranked(tables: Iterable[Mapping[str, Rule]]) -> dict[str, tuple[tuple[int, str, Convert], ...]]:
    """Attribute -> the fields it may fill, each with its rank: convention first, place in the table second."""
    ranked: dict[str, tuple[tuple[int, str, Convert], ...]] = {}
    rank = 0
    for table in tables:
        for attribute, rule in table.items():
            for name, convert in _pairs(rule):
                ranked[attribute] = (*ranked.get(attribute, ()), (rank, name, convert))
            rank += 1
    return ranked


def _pairs(rule: Rule) -> Iterable[tuple[str, Convert]]:
    return [rule] if isinstance(rule[0], str) else rule


def _fill(span: Span, plan: _Plan, attributes: Mapping[str, JSON]) -> None:
    for name, sources in plan.fills:
        for attribute, convert in sources:
            value = convert(attributes[attribute])
            if value is not None:
                setattr(span, name, value)
                break


def forget_sums(span: Span) -> None:
    """Leave tokens and cost of `span` uncounted, for other spans state them; its attributes keep them."""
    for name in _SUMS:
        setattr(span, name, None)


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
                text = part.text if part.text is not None else _as_json(part.value)
            elif part.type == "tool_call":
                text = f"{part.name}({_as_json(part.arguments) if part.arguments is not None else ''})"
            else:
                continue
            beginning = _words(text, 2 * PREVIEW_CHARACTERS)
            if len(beginning) < PREVIEW_CHARACTERS:
                beginning = _words(text, 4 * PREVIEW_CHARACTERS)
            if beginning:
                return beginning[:PREVIEW_CHARACTERS]
    return None


def _words(text: str, characters: int) -> str:
    return " ".join(text[:characters].split())


def _as_json(value: JSON) -> str:
    try:
        return orjson.dumps(value, default=str).decode()
    except orjson.JSONEncodeError:  # nested too deep
        return ""

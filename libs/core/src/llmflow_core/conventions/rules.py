"""The engine behind the convention tables."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation

from llmflow_core.messages import Conversation
from llmflow_core.spans import JSON, ObservationType, Span

#: Turns an attribute's value into a field's; None when it is not of the right kind.
Convert = Callable[[JSON], JSON]

#: A preview is the beginning of the text, this many characters at most.
PREVIEW_CHARACTERS = 200


@dataclass(frozen=True, kw_only=True)
class Convention:
    """One dialect.

    `fields` and `resource_fields` map an attribute to (span field, conversion). `content` names the attributes that
    carry content, `content_prefixes` families of them, `content_events` the events. `observation_type` says what the
    span did, None if this dialect does not tell. `conversation` reads a span's content, None if in another dialect.
    """

    name: str
    fields: Mapping[str, tuple[str, Convert]] = field(default_factory=dict)
    resource_fields: Mapping[str, tuple[str, Convert]] = field(default_factory=dict)
    content: frozenset[str] = frozenset()
    content_prefixes: tuple[str, ...] = ()
    content_events: frozenset[str] = frozenset()
    observation_type: Callable[[Span], ObservationType | None] = lambda span: None
    conversation: Callable[[Span], Conversation | None] = lambda span: None


class RuleBook:
    """All conventions, merged into look-ups that touch each attribute once."""

    def __init__(self, conventions: Iterable[Convention]) -> None:
        self.conventions = tuple(conventions)
        self._fields = _ranked(convention.fields for convention in self.conventions)
        self._resource_fields = _ranked(convention.resource_fields for convention in self.conventions)
        self._content = frozenset[str]().union(*(convention.content for convention in self.conventions))
        self._content_prefixes = tuple(
            prefix for convention in self.conventions for prefix in convention.content_prefixes
        )
        self._content_events = frozenset[str]().union(*(convention.content_events for convention in self.conventions))

    def apply(self, span: Span) -> None:
        """See `llmflow_core.conventions.apply_conventions`."""
        found: dict[str, tuple[int, JSON]] = {}
        _collect(found, self._resource_fields, span.resource_attributes)
        _collect(found, self._fields, span.attributes)
        for name, (_, value) in found.items():
            setattr(span, name, value)
        self._move_content(span)
        for convention in self.conventions:
            kind = convention.observation_type(span)
            if kind is not None:
                span.observation_type = kind
                break
        conversation = self.conversation(span) if span.content else None
        if conversation:
            span.input_preview = _preview(conversation, "input")
            span.output_preview = _preview(conversation, "output")

    def conversation(self, span: Span) -> Conversation | None:
        """The span's content as messages, read by the first convention that knows it."""
        for convention in self.conventions:
            conversation = convention.conversation(span)
            if conversation is not None:
                return conversation
        return None

    def _move_content(self, span: Span) -> None:
        names = [name for name in span.attributes if name in self._content or name.startswith(self._content_prefixes)]
        for name in names:
            span.content[name] = span.attributes.pop(name)
        if any(event["name"] in self._content_events for event in span.events):
            kept = []
            for number, event in enumerate(span.events):
                if event["name"] in self._content_events:
                    span.content[f"event:{number}"] = event
                else:
                    kept.append(event)
            span.events = kept


_Ranked = Mapping[str, list[tuple[int, str, Convert]]]


def _ranked(tables: Iterable[Mapping[str, tuple[str, Convert]]]) -> _Ranked:
    """Attribute -> the fields it may fill, each with its rank: convention first, place in the table second."""
    ranked: dict[str, list[tuple[int, str, Convert]]] = {}
    rank = 0
    for table in tables:
        for attribute, (name, convert) in table.items():
            ranked.setdefault(attribute, []).append((rank, name, convert))
            rank += 1
    return ranked


def _collect(found: dict[str, tuple[int, JSON]], rules: _Ranked, attributes: Mapping[str, JSON]) -> None:
    for attribute, value in attributes.items():
        for rank, name, convert in rules.get(attribute, ()):
            if name in found and found[name][0] < rank:
                continue
            converted = convert(value)
            if converted is not None:
                found[name] = (rank, converted)


def _preview(conversation: Conversation, side: str) -> str | None:
    """The beginning of the last user message (input) or of the first answer (output)."""
    messages = conversation.output if side == "output" else conversation.input[::-1]
    if side == "input":
        messages = [m for m in messages if m.role == "user"] or messages
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


def text(value: JSON) -> str | None:
    """A non-empty string; numbers and booleans count as their text."""
    if isinstance(value, (str, int, float)) and value != "":
        return str(value)
    return None


def count(value: JSON) -> int | None:
    """A number of things: not negative. Some SDKs send counts as floats or strings."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value if 0 <= value < 2**63 else None
    if isinstance(value, float):
        return int(value) if value.is_integer() and 0 <= value < 2**63 else None
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 19 else None


def number(value: JSON) -> float | None:
    """A finite number."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if math.isfinite(value) else None


def usd(value: JSON) -> Decimal | None:
    """An amount of US dollars: finite, not negative, below a million, to the billionth of a cent."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        return None
    return amount.quantize(Decimal("1e-11")) if amount.is_finite() and 0 <= amount < 1_000_000 else None


def seconds_to_ns(value: JSON) -> int | None:
    """Seconds as a whole number of nanoseconds."""
    seconds = number(value)
    return round(seconds * 1e9) if seconds is not None and 0 <= seconds < 9e9 else None


def texts(value: JSON) -> list[str] | None:
    """A list of strings; one string is a list of one."""
    if isinstance(value, str):
        return [value] if value else None
    if isinstance(value, list):
        return [item for item in value if isinstance(item, str)] or None
    return None

"""The filter language of API, page and command line: `model:gpt-4o* status:error cost:>0.01 (user:a OR user:b) "text"`.

    filter    = either
    either    = all { "OR" all }
    all       = one { ["AND"] one }
    one       = ("NOT" | "-") one | "(" either ")" | condition | text
    condition = field ":" value { "," value }          any of the values
    value     = [">" | ">=" | "<" | "<=" | "="] literal | literal ".." literal | "*"
    literal   = bare word | "quoted, with \\" and \\\\"
    text      = literal                                words to be found in the content

`*` alone means that the field is there, as status, type, kind and root always are; in a text it stands for any
characters, unless quoted. Durations are seconds or carry a unit (`300ms`, `1.5s`, `2m`), counts may end in k or M,
costs are US dollars and may begin with $.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import NamedTuple, TypeAlias

from llmflow_core.errors import Rejected
from llmflow_core.filter_fields import ALIASES, FIELDS, Field, Kind

MAX_LENGTH = 4096
_MAX_CONDITIONS = 100
_MAX_DEPTH = 20

Value: TypeAlias = str | int | Decimal | bool | None


class FilterError(Rejected):
    """A filter that cannot be read; `position` is where, counted in characters from 0."""

    def __init__(self, message: str, position: int) -> None:
        super().__init__(f"{message} (at character {position + 1})", field="filter")
        self.position = position


class Operator(StrEnum):
    """How a field is compared with a value. LIKE takes a pattern in which `*` stands for any characters."""

    EQ = "="
    GT = ">"
    GE = ">="
    LT = "<"
    LE = "<="
    LIKE = "like"
    EXISTS = "exists"


@dataclass(frozen=True, slots=True)
class Condition:
    """`field` (with `key`, if the field is keyed) compared with `value`.

    `value` is a str, and by the field's kind an int (COUNT; DURATION in nanoseconds), a Decimal (NUMBER, COST in
    dollars), a bool (FLAG); hexadecimal lower-case text for ID; None with EXISTS. For a field of kind ANY it is the
    text as written, or a Decimal with an ordering operator.
    """

    field: str
    operator: Operator
    value: Value = None
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Text:
    """The content holds these words; `phrase` says in this order and side by side."""

    text: str
    phrase: bool = False


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite."""

    item: Filter


@dataclass(frozen=True, slots=True)
class And:
    """Every one of the items; without items, everything."""

    items: tuple[Filter, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """At least one of the items."""

    items: tuple[Filter, ...]


Filter: TypeAlias = Condition | Text | Not | And | Or

_ORDERED = frozenset({Kind.COUNT, Kind.NUMBER, Kind.COST, Kind.DURATION, Kind.ANY})
#: Every span and every trace has these.
_ALWAYS = frozenset({Kind.CHOICE, Kind.FLAG})
_SPACE = re.compile(r"\s*")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_WORD = re.compile(r'[^\s()",]+')
_FIELD = re.compile(r"([A-Za-z_]+)(?:\.([^\s:()\",]+|\"(?:[^\"\\]|\\.)*\"))?:")
_OPERATOR = re.compile(r">=|<=|>|<|=")
_UNITS = {"ns": 1, "us": 1_000, "ms": 1_000_000, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9, "": 10**9}
_DURATION = re.compile(r"([\d.]+)(ns|us|ms|s|m|h|)")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][-+]?\d{1,2})?")
_MULTIPLES = {"k": 10**3, "m": 10**6}
_ID = re.compile(r"[0-9a-fA-F]{1,32}")
_LARGEST = 2**63 - 1
#: Of the numbers that are compared with floating-point columns, as a power of ten.
_MAGNITUDE = 100


def parse_filter(text: str) -> Filter:
    """The filter that `text` states; an empty text matches everything.

    Raises FilterError, which says what is wrong and where.
    """
    if len(text) > MAX_LENGTH:
        raise FilterError(f"longer than {MAX_LENGTH} characters", MAX_LENGTH)
    if (nul := text.find("\0")) >= 0:
        raise FilterError("holds a NUL character", nul)
    return _Parser(text).parse()


class _Literal(NamedTuple):
    text: str
    quoted: bool
    position: int


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._depth = 0
        self._conditions = 0

    def parse(self) -> Filter:
        self._skip_space()
        if self._ended():
            return And(())
        parsed = self._either()
        if not self._ended():
            raise FilterError(f"unexpected {self._text[self._at]!r}", self._at)
        return parsed

    def _either(self) -> Filter:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise FilterError(f"more than {_MAX_DEPTH} levels deep", self._at)
        items = [self._all()]
        while self._takes_word("OR"):
            items.append(self._all())
        self._depth -= 1
        return items[0] if len(items) == 1 else Or(tuple(items))

    def _all(self) -> Filter:
        items = [self._one()]
        while True:
            joined = self._takes_word("AND")
            if not joined and (self._ended() or self._text[self._at] == ")" or self._sees_word("OR")):
                return items[0] if len(items) == 1 else And(tuple(items))
            items.append(self._one())

    def _one(self) -> Filter:
        negations = 0
        while True:
            if self._takes_word("NOT"):
                negations += 1
            elif self._text.startswith("-", self._at) and self._at + 1 < len(self._text):
                self._at += 1
                negations += 1
            else:
                break
        item = self._group() if self._takes("(") else self._leaf()
        return Not(item) if negations % 2 else item

    def _group(self) -> Filter:
        opened = self._at
        item = self._either()
        if not self._takes(")"):
            raise FilterError("this parenthesis is never closed", opened - 1)
        return item

    def _leaf(self) -> Filter:
        if self._ended() or self._sees_word("OR") or self._sees_word("AND"):
            raise FilterError("a condition is missing", self._at)
        self._conditions += 1
        if self._conditions > _MAX_CONDITIONS:
            raise FilterError(f"more than {_MAX_CONDITIONS} conditions", self._at)
        match = _FIELD.match(self._text, self._at)
        if match is None:
            literal = self._literal("a condition")
            self._skip_space()
            return Text(literal.text, phrase=literal.quoted)
        start = self._at
        self._at = match.end()
        item = self._condition(match[1], match[2], start)
        self._skip_space()
        return item

    def _condition(self, name: str, key: str | None, start: int) -> Filter:
        name = name.lower()
        name = ALIASES.get(name, name)
        field = FIELDS.get(name)
        if field is None:
            raise FilterError(f"unknown field {name!r}; one of {', '.join(FIELDS)}; quote it to find the text", start)
        if field.keyed != (key is not None):
            raise FilterError(f"{name} needs a key: {name}.KEY" if field.keyed else f"{name} takes no key", start)
        if key is not None and key.startswith('"'):
            key = _unescaped(key[1:-1])
        items = [self._value(name, field, key)]
        while self._text.startswith(",", self._at):
            self._at += 1
            items.append(self._value(name, field, key))
        return items[0] if len(items) == 1 else Or(tuple(items))

    def _value(self, name: str, field: Field, key: str | None) -> Filter:
        operator_at = self._at
        match = _OPERATOR.match(self._text, self._at)
        if match:
            self._at = match.end()
        operator = Operator(match[0]) if match else Operator.EQ
        literal = self._literal(f"a value for {name}")
        if operator is not Operator.EQ and field.kind not in _ORDERED:
            raise FilterError(f"{name} has no order", operator_at)
        if match is None and not literal.quoted:
            if literal.text == "*":
                return And(()) if field.kind in _ALWAYS else Condition(name, Operator.EXISTS, key=key)
            low, dots, high = literal.text.partition("..")
            if dots and field.kind in _ORDERED:
                bounds = [(Operator.GE, low, 0), (Operator.LE, high, len(low) + 2)]
                conditions = [
                    Condition(name, bound, _read(name, field, bound, value, literal.position + shift), key)
                    for bound, value, shift in bounds
                ]
                return And(tuple(conditions))
            if "*" in literal.text and field.kind in (Kind.TEXT, Kind.ANY):
                return Condition(name, Operator.LIKE, literal.text, key)
        return Condition(name, operator, _read(name, field, operator, literal.text, literal.position), key)

    def _literal(self, what: str) -> _Literal:
        start = self._at
        if self._text.startswith('"', start):
            match = _QUOTED.match(self._text, start)
            if match is None:
                raise FilterError("this quote is never closed", start)
            self._at = match.end()
            return _Literal(_unescaped(match[1]), True, start)
        match = _WORD.match(self._text, start)
        if match is None:
            found = repr(self._text[start]) if start < len(self._text) else "the end"
            raise FilterError(f"expected {what}, found {found}", start)
        self._at = match.end()
        return _Literal(match[0], False, start)

    def _takes(self, character: str) -> bool:
        if not self._text.startswith(character, self._at):
            return False
        self._at += 1
        self._skip_space()
        return True

    def _sees_word(self, word: str) -> bool:
        match = _WORD.match(self._text, self._at)
        return match is not None and match[0] == word

    def _takes_word(self, word: str) -> bool:
        if not self._sees_word(word):
            return False
        self._at += len(word)
        self._skip_space()
        return True

    def _skip_space(self) -> None:
        match = _SPACE.match(self._text, self._at)
        self._at = match.end() if match else self._at

    def _ended(self) -> bool:
        return self._at >= len(self._text)


def _unescaped(quoted: str) -> str:
    return re.sub(r"\\(.)", r"\1", quoted, flags=re.DOTALL)


def _read(name: str, field: Field, operator: Operator, text: str, position: int) -> Value:
    value: Value
    match field.kind:
        case Kind.TEXT:
            return text
        case Kind.ANY:
            value, wanted = (text, "") if operator is Operator.EQ else (_decimal(text), "a number")
        case Kind.CHOICE:
            value, wanted = (
                text.lower() if text.lower() in field.choices else None,
                "one of " + ", ".join(field.choices),
            )
        case Kind.FLAG:
            value, wanted = {"true": True, "false": False}.get(text.lower()), "true or false"
        case Kind.ID:
            value, wanted = text.lower() if _ID.fullmatch(text) else None, "a hexadecimal id"
        case _:
            read, wanted = _NUMBERS[field.kind]
            value = read(text)
    if value is None:
        raise FilterError(f"{name} must be {wanted}, not {text!r}", position)
    return value


def _decimal(text: str) -> Decimal | None:
    if not _NUMBER.fullmatch(text):
        return None
    number = Decimal(text)
    return number if not number or abs(number.adjusted()) <= _MAGNITUDE else None


def _count(text: str) -> int | None:
    multiple = _MULTIPLES.get(text[-1:].lower(), 1)
    number = _decimal(text[:-1] if multiple > 1 else text)
    return int(number * multiple) if number is not None and 0 <= number * multiple <= _LARGEST else None


def _dollars(text: str) -> Decimal | None:
    return _decimal(text.removeprefix("$"))


def _nanoseconds(text: str) -> int | None:
    match = _DURATION.fullmatch(text)
    if match is None:
        return None
    try:
        nanoseconds = int(Decimal(match[1]) * _UNITS[match[2]])
    except InvalidOperation:
        return None
    return nanoseconds if nanoseconds <= _LARGEST else None


_NUMBERS: Mapping[Kind, tuple[Callable[[str], Value], str]] = {
    Kind.COUNT: (_count, "a count such as 200, 4k or 1.5M"),
    Kind.NUMBER: (_decimal, "a number"),
    Kind.COST: (_dollars, "an amount of US dollars such as 0.01"),
    Kind.DURATION: (_nanoseconds, "a duration such as 300ms, 1.5s or 2m"),
}

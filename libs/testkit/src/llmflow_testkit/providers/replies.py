"""What the fake models say, and how an answer travels."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

#: The header that asks a fake for something unusual, in the form of a query string: `delay=0.05&words=200`.
OPTIONS_HEADER = "x-fake"
_SENTENCE = "the quick brown fox jumps over a lazy dog while model weights hum and tokens stream by"
_WORDS = _SENTENCE.split()


@dataclass(frozen=True, slots=True)
class Options:
    """What `x-fake` may ask for. `delay` and `first_delay` are seconds (before each chunk, before the answer); `words`
    is the length of the answer; `status` an error to answer with; `encoding` gzip or deflate; `cut` the number of
    chunks after which the connection breaks; `stream_error` the number after which an error event ends the stream;
    `leak` repeats the caller's key in an error message; `location` is sent as the Location header; `refuse` makes the
    model refuse; `fail` makes a response of OpenAI's end as failed; `cached` and `reasoning` are how many tokens a chat
    of OpenAI's reports as read from the cache, and as thought before the answer."""

    delay: float = 0
    first_delay: float = 0
    words: int = 0
    status: int = 0
    encoding: str = ""
    cut: int = 0
    stream_error: int = 0
    leak: bool = False
    location: str = ""
    refuse: bool = False
    fail: bool = False
    cached: int = 0
    reasoning: int = 0

    @classmethod
    def of(cls, headers: Mapping[str, str]) -> Options:
        given = dict(parse_qsl(headers.get(OPTIONS_HEADER, "")))
        types = {"delay": float, "first_delay": float, "encoding": str, "location": str}
        return cls(**{name: types.get(name, int)(value) for name, value in given.items()})


@dataclass(slots=True)
class Reply:
    """An answer; a stream's `chunks` are sent one by one, another's all at once."""

    status: int
    headers: list[tuple[str, str]]
    chunks: list[bytes]
    streamed: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """What the model says: text, or a call of the first tool that it was offered."""

    text: str = ""
    tool: str | None = None
    arguments: dict[str, Any] = field(default_factory=dict)

    @property
    def pieces(self) -> list[str]:
        """The text, or the arguments as JSON, in the fragments in which a stream brings them."""
        if self.tool is not None:
            encoded = json.dumps(self.arguments)
            return [encoded[start : start + 7] for start in range(0, len(encoded), 7)]
        words = self.text.split(" ")
        return [
            word if last else f"{word} " for last, word in zip([*[False] * (len(words) - 1), True], words, strict=True)
        ]


def answer(prompt: str, tool: Mapping[str, Any] | None, parameters: Mapping[str, Any], options: Options) -> Answer:
    """A call of `tool` with made-up values for its `parameters` (a JSON schema), or text about `prompt`."""
    if tool is not None:
        properties = parameters.get("properties") or {}
        return Answer(
            tool=str(tool["name"]), arguments={name: _value(name, schema) for name, schema in properties.items()}
        )
    if options.words:
        return Answer(" ".join(_WORDS[n % len(_WORDS)] for n in range(options.words)))
    return Answer(f"You said: {prompt}" if prompt else "Hello! How can I help you today? 👋")


def structured_answer(schema: Mapping[str, Any]) -> Answer:
    """JSON text with made-up values that a JSON schema allows."""
    values = {name: _value(name, inner) for name, inner in (schema.get("properties") or {}).items()}
    return Answer(json.dumps(values, ensure_ascii=False))


def _value(name: str, schema: Mapping[str, Any]) -> Any:
    if schema.get("enum"):
        return schema["enum"][0]
    match schema.get("type"):
        case "integer" | "number":
            return 42
        case "boolean":
            return True
        case "array":
            return [_value(name, schema.get("items") or {})]
        case "object":
            return {key: _value(key, inner) for key, inner in (schema.get("properties") or {}).items()}
        case _:
            return f"some {name}, “quoted”"


def tokens(text: str) -> int:
    """About as many tokens as a real tokenizer would count."""
    return max(1, round(len(text) / 4))


def identity(prefix: str) -> str:
    """A fresh id as the providers make them."""
    return f"{prefix}{uuid.uuid4().hex[:24]}"


def json_reply(status: int, headers: list[tuple[str, str]], body: Any) -> Reply:
    """A JSON answer."""
    encoded = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
    sizes = [("content-type", "application/json"), ("content-length", str(len(encoded)))]
    return Reply(status, sizes + headers, [encoded])


def event(data: Any, name: str | None = None) -> bytes:
    """One server-sent event."""
    text = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return (f"event: {name}\n" if name else "").encode() + f"data: {text}\n\n".encode()

"""The one shape in which LLMFlow shows a conversation, whatever convention it was recorded in.

It follows the GenAI semantic conventions' message schema (role, parts), so readers of `gen_ai.input.messages` know it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

PartType = Literal[
    "text", "reasoning", "tool_call", "tool_call_response", "image", "audio", "file", "refusal", "json", "unknown"
]


@dataclass(slots=True, kw_only=True)
class Part:
    """One piece of a message. Which fields are set follows from `type`.

    text, reasoning, refusal: `text`. tool_call: `id`, `name`, `arguments` (parsed where it is JSON).
    tool_call_response: `id`, `result`. image, audio, file: `uri` or `media_type` with `size` and `digest`.
    json and unknown: `value`.
    """

    type: PartType
    text: str | None = None
    id: str | None = None
    name: str | None = None
    arguments: Any = None
    result: Any = None
    uri: str | None = None
    media_type: str | None = None
    size: int | None = None
    digest: str | None = None
    value: Any = None


@dataclass(slots=True, kw_only=True)
class Message:
    """One message: who said it (`system`, `user`, `assistant`, `tool`, `developer`, ...) and its parts in order."""

    role: str
    parts: list[Part] = field(default_factory=list)
    name: str | None = None
    finish_reason: str | None = None


@dataclass(slots=True, kw_only=True)
class Conversation:
    """A span's content. `input` and `output` are the messages of a generation; spans of other kinds (tools, chains,
    retrievers) have one message of role `input` or `output` with a text or json part. `tools` are the tool definitions
    that the model was offered, as they came."""

    input: list[Message] = field(default_factory=list)
    output: list[Message] = field(default_factory=list)
    tools: list[Any] = field(default_factory=list)

"""Token counts for an answer whose provider did not state them, marked as estimates."""

from __future__ import annotations

from collections.abc import Iterable

import orjson

from llmflow_core.spans import JSON
from llmflow_proxy.shape import Reading

#: Operations whose tokens are those of texts.
_OPERATIONS = frozenset({"chat", "generate_content", "text_completion"})
#: Byte-pair vocabularies take about four characters of English for a token, fewer of a script with longer encodings.
_BYTES_PER_TOKEN = 4
#: What surrounds a message in the models' own format.
_TOKENS_PER_MESSAGE = 3
#: Members of a part that the model reads or writes; names of types and ids are not among them.
_TEXTS = ("content", "name", "arguments", "response", "variables", "server_tool_call")


def estimate_usage(operation: str | None, reading: Reading) -> None:
    """Fill in the token counts that a text generation came without, and set `llmflow.usage.estimated`.

    Nothing is estimated where nothing was said, or a prompt was blocked. Pictures, sound and files do not count.
    """
    attributes = reading.attributes
    missing = [side for side in ("input", "output") if attributes.get(f"gen_ai.usage.{side}_tokens") is None]
    if operation not in _OPERATIONS or not missing or attributes.get("llmflow.response.block_reason"):
        return
    said = sum(_bytes_in(message.get("parts")) for message in reading.output)
    if not said:
        return
    asked = sum(_bytes_in(message.get("parts")) for message in reading.input) + _bytes_in(reading.system)
    asked += len(orjson.dumps(reading.tools)) if reading.tools else 0
    tokens_given = sum(_counted(message.get("parts")) for message in reading.input)
    framing = _TOKENS_PER_MESSAGE * (len(reading.input) + bool(reading.system))
    estimates = {
        "input": framing + tokens_given + round(asked / _BYTES_PER_TOKEN),
        "output": max(1, round(said / _BYTES_PER_TOKEN)),
    }
    attributes.update({f"gen_ai.usage.{side}_tokens": estimates[side] for side in missing})
    attributes["llmflow.usage.estimated"] = True


def _bytes_in(parts: JSON) -> int:
    return sum(_size(part.get(name)) for part in _dicts(parts) for name in _TEXTS)


def _size(value: JSON) -> int:
    if value is None:
        return 0
    return len(value.encode()) if isinstance(value, str) else len(orjson.dumps(value))


def _counted(parts: JSON) -> int:
    """Prompts that came as tokens."""
    return sum(part["count"] for part in _dicts(parts) if part.get("type") == "tokens")


def _dicts(parts: JSON) -> Iterable[dict[str, JSON]]:
    return (part for part in parts or () if isinstance(part, dict))

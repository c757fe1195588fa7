"""How a conversation looks in a terminal."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from rich.text import Text

from llmflow.formats import plain

_STYLES = {"system": "yellow", "developer": "yellow", "user": "cyan", "assistant": "green", "tool": "magenta"}


def message_text(message: Mapping[str, Any]) -> Text:
    """A message: who says it, and its parts below each other."""
    role = message["role"]
    name = f" ({message['name']})" if message.get("name") else ""
    text = Text(f"{plain(role + name)}: ", style=f"bold {_STYLES.get(role, 'white')}")
    text.append("\n".join(_part(part) for part in message["parts"]) or "(nothing)", style="not bold default")
    return text


def messages(conversation: Mapping[str, Any], seen: set[str]) -> Iterator[Text]:
    """The messages of a call of a model but for those in `seen`, to which they are added: a later call of the same
    conversation repeats what was said before."""
    for message in (*conversation["input"], *conversation["output"]):
        key = json.dumps([message["role"], message["parts"]], sort_keys=True)
        if key not in seen:
            seen.add(key)
            yield message_text(message)


def _part(part: Mapping[str, Any]) -> str:
    match part["type"]:
        case "text":
            return plain(part["text"] or "")
        case "tool_call":
            return plain(f"→ {part['name'] or 'tool'}({_json(part['arguments'])})")
        case "tool_call_response":
            return plain(f"← {_json(part['result'])}")
        case "reasoning" | "refusal":
            return plain(f"[{part['type']}] {part['text'] or ''}")
        case "image" | "audio" | "file":
            where = part["uri"] or f"{part['media_type'] or 'unknown type'}, {part['size'] or '?'} bytes"
            return plain(f"[{part['type']}: {where}]")
    return plain(_json(part["value"]))


def _json(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)

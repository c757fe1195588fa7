"""What Opik's server reads from OTLP spans beyond other conventions: `opik.*`, `thread_id`, `input`, `output`."""

from __future__ import annotations

from llmflow_core.conventions.exchanges import exchange
from llmflow_core.conventions.rules import Convention
from llmflow_core.conventions.values import as_list, decoded, text
from llmflow_core.messages import Conversation
from llmflow_core.spans import JSON, Span

_INPUT = "input"
_OUTPUT = "output"
# Names so general that they are content only where Opik is meant.
_GENERAL = (_INPUT, _OUTPUT)
_SIGNS = ("opik.span_id", "opik.trace_id", "opik.tags", "thread_id")


def _tags(value: JSON) -> list[str] | None:
    """A list, as JSON text too, or names joined by commas."""
    value = decoded(value)
    names = value.split(",") if isinstance(value, str) else as_list(value)
    return [name.strip() for name in names if isinstance(name, str) and name.strip()] or None


def _finish(span: Span) -> None:
    attributes = span.attributes
    if any(sign in attributes for sign in _SIGNS):
        for name in _GENERAL:
            if name in attributes:
                span.content[name] = attributes.pop(name)


def _conversation(span: Span) -> Conversation | None:
    content = span.content
    if _INPUT not in content and _OUTPUT not in content:
        return None
    return exchange(span, content.get(_INPUT), content.get(_OUTPUT))


CONVENTION = Convention(
    name="opik",
    marks=("opik.", "thread_id"),
    fields={
        "thread_id": ("session_id", text),
        "opik.tags": ("tags", _tags),
    },
    finish=_finish,
    conversation=_conversation,
)

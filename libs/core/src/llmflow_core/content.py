"""A span's content as one shape of conversation, whatever convention recorded it."""

from __future__ import annotations

from llmflow_core.conventions import BOOK
from llmflow_core.messages import Conversation
from llmflow_core.spans import Span


def conversation(span: Span) -> Conversation:
    """The messages, tool calls and values that `span.content` holds; empty when there is none or none is understood."""
    return BOOK.conversation(span) or Conversation()

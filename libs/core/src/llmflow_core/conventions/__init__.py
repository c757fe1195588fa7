"""Semantic conventions: how each dialect names a span's LLM facts. One table-driven module a dialect.

`apply_conventions` reads a span once; where two dialects state the same fact, the one earlier in `CONVENTIONS` wins.
"""

from __future__ import annotations

from llmflow_core.conventions import genai, otel
from llmflow_core.conventions.rules import Convention, RuleBook
from llmflow_core.spans import Span

#: In order of precedence.
CONVENTIONS: tuple[Convention, ...] = (genai.CONVENTION, otel.CONVENTION)

BOOK = RuleBook(CONVENTIONS)


def apply_conventions(span: Span) -> None:
    """Fill `span`'s fields from its attributes, and move what is content from `attributes` and `events` to `content`.

    A value of the wrong type leaves its field alone and stays in the attributes; nothing is lost and nothing raises.
    """
    BOOK.apply(span)

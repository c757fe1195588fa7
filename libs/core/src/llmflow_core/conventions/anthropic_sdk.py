"""Anthropic's own library, which traces its calls: the GenAI conventions' names, and `anthropic.*` for the rest."""

from __future__ import annotations

from llmflow_core.conventions.rules import Convention
from llmflow_core.conventions.values import texts

CONVENTION = Convention(
    name="anthropic_sdk",
    marks=("anthropic.",),
    fields={"anthropic.message.stop_reason": ("finish_reasons", texts)},
)

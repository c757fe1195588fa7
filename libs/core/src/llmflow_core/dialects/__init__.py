"""Dialects that spans are written in for other tools: the reverse of `llmflow_core.conventions`. One table-driven
module a dialect.

What a dialect writes, `conventions` reads back as the same facts and messages.
"""

from __future__ import annotations

from collections.abc import Mapping

from llmflow_core.dialects import genai, langfuse, openinference, openllmetry
from llmflow_core.dialects.tables import Dialect

__all__ = ["DIALECTS", "Dialect"]

#: By the name that destinations call them.
DIALECTS: Mapping[str, Dialect] = {
    "genai": genai.DIALECT,
    "openinference": openinference.DIALECT,
    "openllmetry": openllmetry.DIALECT,
    "langfuse": langfuse.DIALECT,
}

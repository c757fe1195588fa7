"""AI command-line tools: what the log events of Claude Code, Codex CLI and Gemini CLI tell, in one shape.

One module a tool, a table each. A new tool is a module and an entry of TOOLS.
"""

from __future__ import annotations

from collections.abc import Mapping

from llmflow_core.coding_tools import claude_code, codex, gemini_cli
from llmflow_core.coding_tools.events import CodingEvent, CodingTool, Decision, EventKind, MetricPart
from llmflow_core.spans import JSON

__all__ = ["TOOLS", "CodingEvent", "CodingTool", "Decision", "EventKind", "MetricPart", "coding_event"]

TOOLS: tuple[CodingTool, ...] = (claude_code.TOOL, codex.TOOL, gemini_cli.TOOL)


def coding_event(event_name: str, body: str, attributes: Mapping[str, JSON]) -> tuple[str, CodingEvent] | None:
    """The full name and the content of a log event that one of the tools wrote; None for any other.

    `event_name` and `body` are the record's, `attributes` its own over its resource's.
    """
    for tool in TOOLS:
        for name in (event_name, body):
            if name.startswith(tool.prefix) and " " not in name:
                return name, tool.read(name, attributes)
    return None

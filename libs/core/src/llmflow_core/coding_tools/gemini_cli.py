"""Gemini CLI's log events and metrics, as https://geminicli.com/docs/cli/telemetry documents them.

Its counts are those of Gemini's API: thoughts beside the output, the tokens of tools' results beside the prompt. Each
call also comes as `gen_ai.client.inference.operation.details`, which is kept and not read a second time. It states no
cost.
"""

from __future__ import annotations

from llmflow_core.coding_tools.events import CodingTool, Decision, EventKind, MetricPart, flag, milliseconds, one_of
from llmflow_core.conventions.values import count, text

_ACCEPTED = ("accept", "auto_accept", "modify")
_DECISIONS = {**dict.fromkeys(_ACCEPTED, Decision.ACCEPT), "reject": Decision.REJECT}

_TOKENS = "gemini_cli.token.usage"
_CALLS = "gemini_cli.tool.call.count"
_LINES = "gemini_cli.lines.changed"

TOOL = CodingTool(
    name="gemini_cli",
    prefix="gemini_cli.",
    provider="gcp.gemini",
    kinds={
        "config": EventKind.SESSION_START,
        "user_prompt": EventKind.PROMPT,
        "api_response": EventKind.REQUEST,
        "api_error": EventKind.ERROR,
        "tool_call": EventKind.TOOL_RESULT,
    },
    fields={
        "session_id": (("session.id",), text),
        "user_id": (("user.email",), text),
        "model": (("model",), text),
        "cache_read_tokens": (("cached_content_token_count",), count),
        "reasoning_tokens": (("thoughts_token_count",), count),
        "duration_ns": (("duration_ms",), milliseconds),
        "tool_name": (("function_name",), text),
        "decision": (("decision",), one_of(_DECISIONS)),
        "success": (("success",), flag),
        "error": (("error", "error.message"), text),
    },
    sums={
        "input_tokens": ("input_token_count", "tool_token_count"),
        "output_tokens": ("output_token_count", "thoughts_token_count"),
    },
    metrics={
        "sessions": (MetricPart("gemini_cli.session.count"),),
        "requests": (MetricPart("gemini_cli.api.request.count", {"status_code": "200"}),),
        "input_tokens": (MetricPart(_TOKENS, {"type": "input"}), MetricPart(_TOKENS, {"type": "tool"})),
        "output_tokens": (MetricPart(_TOKENS, {"type": "output"}), MetricPart(_TOKENS, {"type": "thought"})),
        "cache_read_tokens": (MetricPart(_TOKENS, {"type": "cache"}),),
        "reasoning_tokens": (MetricPart(_TOKENS, {"type": "thought"}),),
        "tool_calls": (MetricPart(_CALLS),),
        "failed_tool_calls": (MetricPart(_CALLS, {"success": "false"}),),
        "accepted": tuple(MetricPart(_CALLS, {"decision": name}) for name in _ACCEPTED),
        "rejected": (MetricPart(_CALLS, {"decision": "reject"}),),
        "lines_added": (MetricPart(_LINES, {"type": "added"}),),
        "lines_removed": (MetricPart(_LINES, {"type": "removed"}),),
    },
)

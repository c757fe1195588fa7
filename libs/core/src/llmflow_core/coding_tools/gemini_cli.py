"""Gemini CLI's log events, as https://geminicli.com/docs/cli/telemetry documents them.

Its counts are those of Gemini's API: thoughts beside the output, the tokens of tools' results beside the prompt. Each
call also comes as `gen_ai.client.inference.operation.details`, which is kept and not read a second time. It states no
cost.
"""

from __future__ import annotations

from llmflow_core.coding_tools.events import CodingTool, Decision, EventKind, flag, milliseconds, one_of
from llmflow_core.conventions.values import count, text

_DECISIONS = {
    "accept": Decision.ACCEPT,
    "auto_accept": Decision.ACCEPT,
    "modify": Decision.ACCEPT,
    "reject": Decision.REJECT,
}

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
)

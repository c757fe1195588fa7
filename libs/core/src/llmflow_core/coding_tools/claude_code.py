"""Claude Code's log events, as https://code.claude.com/docs/en/monitoring-usage documents them.

Its record's body is the event's full name; the attribute `event.name` lacks the prefix. It counts input tokens without
those read from or written to the cache.
"""

from __future__ import annotations

from llmflow_core.coding_tools.events import CodingTool, Decision, EventKind, flag, milliseconds, one_of
from llmflow_core.conventions.values import count, text, usd

TOOL = CodingTool(
    name="claude_code",
    prefix="claude_code.",
    provider="anthropic",
    kinds={
        "user_prompt": EventKind.PROMPT,
        "api_request": EventKind.REQUEST,
        "api_error": EventKind.ERROR,
        "api_refusal": EventKind.ERROR,
        "tool_decision": EventKind.TOOL_DECISION,
        "tool_result": EventKind.TOOL_RESULT,
    },
    fields={
        "session_id": (("session.id",), text),
        "user_id": (("user.email", "user.account_uuid", "user.account_id", "user.id"), text),
        "organization_id": (("organization.id",), text),
        "model": (("model",), text),
        "output_tokens": (("output_tokens",), count),
        "cache_read_tokens": (("cache_read_tokens",), count),
        "cache_write_tokens": (("cache_creation_tokens",), count),
        "cost": (("cost_usd",), usd),
        "duration_ns": (("duration_ms",), milliseconds),
        "tool_name": (("tool_name",), text),
        "decision": (("decision",), one_of({"accept": Decision.ACCEPT, "reject": Decision.REJECT})),
        "decision_source": (("source",), text),
        "success": (("success",), flag),
        "error": (("error",), text),
    },
    sums={"input_tokens": ("input_tokens", "cache_read_tokens", "cache_creation_tokens")},
)

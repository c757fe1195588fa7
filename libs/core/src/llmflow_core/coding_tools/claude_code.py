"""Claude Code's log events and metrics, as https://code.claude.com/docs/en/monitoring-usage documents them.

Its record's body is the event's full name; the attribute `event.name` lacks the prefix. It counts input tokens without
those read from or written to the cache.
"""

from __future__ import annotations

from llmflow_core.coding_tools.events import CodingTool, Decision, EventKind, MetricPart, flag, milliseconds, one_of
from llmflow_core.conventions.values import count, text, usd

_TOKENS = "claude_code.token.usage"
_LINES = "claude_code.lines_of_code.count"
_DECISION = "claude_code.code_edit_tool.decision"

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
    metrics={
        "sessions": (MetricPart("claude_code.session.count"),),
        "input_tokens": tuple(MetricPart(_TOKENS, {"type": kind}) for kind in ("input", "cacheRead", "cacheCreation")),
        "output_tokens": (MetricPart(_TOKENS, {"type": "output"}),),
        "cache_read_tokens": (MetricPart(_TOKENS, {"type": "cacheRead"}),),
        "cache_write_tokens": (MetricPart(_TOKENS, {"type": "cacheCreation"}),),
        "cost": (MetricPart("claude_code.cost.usage"),),
        "accepted": (MetricPart(_DECISION, {"decision": "accept"}),),
        "rejected": (MetricPart(_DECISION, {"decision": "reject"}),),
        "lines_added": (MetricPart(_LINES, {"type": "added"}),),
        "lines_removed": (MetricPart(_LINES, {"type": "removed"}),),
        "commits": (MetricPart("claude_code.commit.count"),),
        "pull_requests": (MetricPart("claude_code.pull_request.count"),),
        "active_seconds": (MetricPart("claude_code.active_time.total"),),
    },
)

"""What providers that speak OpenAI's chat completions say in ways of their own: Groq, DeepSeek, Mistral, Moonshot,
Together, OpenRouter, Perplexity, xAI, and LiteLLM's proxy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmflow_core.spans import JSON
from llmflow_proxy.shape import Reading, dicts, mapping

#: Groq's times, in seconds.
_TIMES = {
    "queue_time": "gen_ai.latency.time_in_queue",
    "prompt_time": "gen_ai.latency.time_in_model_prefill",
    "completion_time": "gen_ai.latency.time_in_model_decode",
}
#: What DeepSeek, Moonshot and Together, and LiteLLM call the tokens that came from a cache.
_CACHE_READS = ("prompt_cache_hit_tokens", "cached_tokens", "cache_read_input_tokens")


def read_caller(body: Mapping[str, Any], reading: Reading) -> None:
    """Who calls and why: `user` (or the newer `safety_identifier`), and the members of `metadata`, which become
    attributes of their own names, as the headers `X-Trace-*` do. A `user_id` among them is the user where nothing else
    says so."""
    metadata = mapping(body.get("metadata"))
    user = body.get("user") or body.get("safety_identifier") or metadata.get("user_id")
    if isinstance(user, str):
        reading.user = user
    for name, value in metadata.items():
        if isinstance(value, str) and name != "user_id":
            reading.attributes.setdefault(name, value)


def usage_of(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """The usage of a response: `usage`, or at the end of a stream of Groq's `x_groq.usage`."""
    return mapping(body.get("usage")) or mapping(mapping(body.get("x_groq")).get("usage"))


def read_extras(body: Mapping[str, Any], attributes: dict[str, JSON]) -> None:
    """Fill in what OpenAI's own members did not say."""
    usage = usage_of(body)
    found = {name: usage.get(member) for member, name in _TIMES.items()}
    found["gen_ai.usage.cache_read.input_tokens"] = next((usage[name] for name in _CACHE_READS if name in usage), None)
    found["gen_ai.usage.cache_write.input_tokens"] = usage.get("cache_creation_input_tokens")
    found["gen_ai.usage.reasoning.output_tokens"] = usage.get("reasoning_tokens")
    found["llmflow.usage.search_queries"] = usage.get("num_search_queries")
    found["llmflow.response.upstream_provider"] = body.get("provider")
    found["llmflow.response.citations"] = body.get("citations") or None
    for name, value in found.items():
        if value is not None and attributes.get(name) is None:
            attributes[name] = value


def thinking_of(part: Mapping[str, Any]) -> str:
    """The text of Mistral's content part for reasoning."""
    inner = part.get("thinking")
    return inner if isinstance(inner, str) else "".join(str(piece.get("text", "")) for piece in dicts(inner))


def flattened(delta: Mapping[str, Any]) -> Mapping[str, Any]:
    """A stream's delta whose content is text: Mistral's reasoning models send it as a list of parts."""
    content = delta.get("content")
    if not isinstance(content, list):
        return delta
    parts = dicts(content)
    text = "".join(str(part.get("text", "")) for part in parts if part.get("type") == "text")
    thinking = "".join(thinking_of(part) for part in parts if part.get("type") == "thinking")
    return {**delta, "content": text, **({"reasoning_content": thinking} if thinking else {})}

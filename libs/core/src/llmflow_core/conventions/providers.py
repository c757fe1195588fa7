"""Names of providers."""

from __future__ import annotations

from llmflow_core.conventions.values import text
from llmflow_core.spans import JSON

# What gateways and SDKs write, in lower case, where the GenAI semantic conventions have another name.
_NAMES = {
    "aws": "aws.bedrock",
    "amazon-bedrock": "aws.bedrock",
    "amazon_bedrock": "aws.bedrock",
    "bedrock": "aws.bedrock",
    "bedrock_converse": "aws.bedrock",
    "az.ai.inference": "azure.ai.inference",
    "az.ai.openai": "azure.ai.openai",
    "azure": "azure.ai.openai",
    "azure-openai": "azure.ai.openai",
    "azure_openai": "azure.ai.openai",
    "azure_ai": "azure.ai.inference",
    "gemini": "gcp.gemini",
    "google": "gcp.gen_ai",
    "google.generative-ai": "gcp.gemini",
    "vertex": "gcp.vertex_ai",
    "vertex_ai": "gcp.vertex_ai",
    "google.vertex": "gcp.vertex_ai",
    "mistral": "mistral_ai",
    "mistralai": "mistral_ai",
    "together": "together_ai",
    "togetherai": "together_ai",
    "xai": "x_ai",
    **{name: name for name in ("anthropic", "cohere", "deepseek", "groq", "openai", "perplexity")},
}


def provider(value: JSON) -> str | None:
    """A provider's name as the GenAI semantic conventions have it; one that they do not know stays as it came."""
    name = text(value)
    return _NAMES.get(name.lower(), name) if name else None

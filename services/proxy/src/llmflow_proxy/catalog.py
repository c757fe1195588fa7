"""The providers that LLMFlow knows by name: where each is by its public documentation, and what it speaks.

Pure data: the settings and the routing are both made from it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """`name` is path prefix, `X-LLMFlow-Provider` value and, in capitals, the prefix of its two settings.

    `api` names what it speaks (`llmflow_proxy.providers.APIS`), `semconv_name` is its `gen_ai.provider.name`: the
    GenAI semantic conventions' value where they have one. Where `base_url` is None the provider has a host of its own
    for each customer, of which `example` is one.
    """

    name: str
    title: str
    semconv_name: str
    api: str
    base_url: str | None
    example: str = ""
    header_example: str = '{"X-Team": "search"}'


CATALOG = (
    Row("openai", "OpenAI", "openai", "openai", "https://api.openai.com/v1", "https://oai.helicone.ai/v1",
        '{"OpenAI-Organization": "org-123"}'),
    Row("anthropic", "Anthropic", "anthropic", "anthropic", "https://api.anthropic.com",
        header_example='{"anthropic-beta": "files-api-2025-04-14"}'),
    Row("gemini", "Gemini (Google AI)", "gcp.gemini", "gemini", "https://generativelanguage.googleapis.com"),
    Row("vertex", "Vertex AI", "gcp.vertex_ai", "vertex", None, "https://us-central1-aiplatform.googleapis.com"),
    Row("azure", "Azure OpenAI", "azure.ai.openai", "azure", None, "https://my-resource.openai.azure.com"),
    Row("bedrock", "Amazon Bedrock", "aws.bedrock", "bedrock", None, "https://bedrock-runtime.us-east-1.amazonaws.com"),
    Row("mistral", "Mistral", "mistral_ai", "mistral", "https://api.mistral.ai/v1"),
    Row("cohere", "Cohere", "cohere", "cohere", "https://api.cohere.com"),
    Row("groq", "Groq", "groq", "openai", "https://api.groq.com/openai/v1"),
    Row("together", "Together AI", "together_ai", "openai", "https://api.together.xyz/v1"),
    Row("deepseek", "DeepSeek", "deepseek", "openai", "https://api.deepseek.com"),
    Row("xai", "xAI", "x_ai", "openai", "https://api.x.ai/v1"),
    Row("perplexity", "Perplexity", "perplexity", "openai", "https://api.perplexity.ai"),
    Row("fireworks", "Fireworks AI", "fireworks", "openai", "https://api.fireworks.ai/inference/v1"),
    Row("openrouter", "OpenRouter", "openrouter", "openai", "https://openrouter.ai/api/v1",
        header_example='{"HTTP-Referer": "https://example.com", "X-Title": "Example"}'),
    Row("huggingface", "Hugging Face's router", "huggingface", "openai", "https://router.huggingface.co/v1"),
    Row("ollama", "Ollama", "ollama", "ollama", "http://localhost:11434"),
    Row("vllm", "vLLM", "vllm", "openai", "http://localhost:8000"),
)  # fmt: skip


def variable(name: str, setting: str) -> str:
    """The environment variable of a provider's `base_url` or `default_headers`."""
    return f"{name}_{setting}".upper()

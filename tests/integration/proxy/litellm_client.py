"""What a program with LiteLLM does, with each set of base URLs in a JSON list. Prints its answers as another one."""

import asyncio
import json
import sys
from typing import Any

import litellm

MODELS = {
    "openai/gpt-4o": "openai",
    "anthropic/claude-sonnet-4-5": "anthropic",
    "gemini/gemini-2.5-flash": "gemini",
}
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather at a place",
        "parameters": {"type": "object", "properties": {"location": {"type": "string"}}},
    },
}


def said(response: Any) -> dict[str, Any]:
    (choice,) = response.choices
    calls = [(call.function.name, call.function.arguments) for call in choice.message.tool_calls or []]
    usage = response.usage
    tokens = (usage.prompt_tokens, usage.completion_tokens)
    return {"text": choice.message.content, "calls": calls, "finish": choice.finish_reason, "tokens": tokens}


async def ask(bases: dict[str, str]) -> dict[str, Any]:
    answers: dict[str, Any] = {}
    for model, provider in MODELS.items():
        call: Any = {
            "model": model,
            "api_base": bases[provider],
            "api_key": "sk-test",
            "messages": [{"role": "user", "content": "Why?"}],
            "num_retries": 0,
        }
        answers[f"{model} whole"] = said(litellm.completion(**call))
        answers[f"{model} tool"] = said(await litellm.acompletion(**call, tools=[WEATHER]))
        stream = await litellm.acompletion(**call, stream=True, stream_options={"include_usage": True})
        chunks = [chunk async for chunk in stream]
        answers[f"{model} pieces"] = [piece for chunk in chunks if (piece := chunk.choices[0].delta.content)]
        answers[f"{model} streamed"] = said(litellm.stream_chunk_builder(chunks, messages=call["messages"]))
        try:
            litellm.completion(**call, extra_headers={"x-fake": "status=429"})
        except litellm.RateLimitError as error:
            answers[f"{model} error"] = error.status_code
    return answers


async def main() -> None:
    print(json.dumps([await ask(bases) for bases in json.loads(sys.argv[1])]))


asyncio.run(main())

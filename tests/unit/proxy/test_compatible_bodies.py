"""What those who are not OpenAI answer through its API."""

from __future__ import annotations

from typing import Any

import pytest

from llmflow_proxy.openai_shapes import SHAPES
from llmflow_proxy.shape import Reading

RANKED = [{"index": 1, "relevance_score": 0.9}, {"index": 0, "relevance_score": 0.1}]


@pytest.mark.parametrize(
    "answer",
    [
        {"object": "list", "data": RANKED, "model": "rerank-2.5", "usage": {"total_tokens": 26}},
        {"id": "r", "results": RANKED, "model": "rerank-2.5", "usage": {"prompt_tokens": 26, "total_tokens": 26}},
        {"id": "r", "results": RANKED, "model": "rerank-2.5", "meta": {"tokens": {"input_tokens": 26}}},
    ],
    ids=["voyage", "jina", "siliconflow"],
)
def test_reranking_is_recorded_whoever_does_it(answer: dict[str, Any]) -> None:
    shape, reading = SHAPES["/rerank"], Reading()
    shape.read_request({"model": "rerank-2.5", "query": "q", "documents": ["a", "b"], "top_k": 2}, reading)
    shape.read_response(answer, reading)
    assert shape.operation == "rerank"
    assert reading.attributes["gen_ai.usage.input_tokens"] == 26
    assert reading.attributes["gen_ai.request.top_k"] == 2
    assert reading.output == [{"role": "assistant", "parts": [{"type": "ranking", "results": RANKED}]}]


def test_voyage_states_nothing_but_the_total() -> None:
    reading = Reading()
    SHAPES["/embeddings"].read_response({"data": [], "model": "voyage-3.5", "usage": {"total_tokens": 7}}, reading)
    assert reading.attributes["gen_ai.usage.input_tokens"] == 7


@pytest.mark.parametrize(
    ("usage", "read", "written", "output"),
    [
        ({"cached_tokens": 6}, 6, None, 5),
        ({"prompt_tokens_details": {"cached_tokens": 6}, "cached_tokens": 6}, 6, None, 5),
        ({"prompt_cache_hit_tokens": 6, "prompt_cache_miss_tokens": 3}, 6, None, 5),
        ({"cache_read_input_tokens": 6, "cache_creation_input_tokens": 2}, 6, 2, 5),
        ({"completion_tokens_details": {"reasoning_tokens": 4}}, None, None, 5),
        ({"reasoning_tokens": 2000, "citation_tokens": 10}, None, None, 2005),
    ],
    ids=["moonshot, together", "both ways", "deepseek", "litellm", "openai", "perplexity"],
)
def test_what_is_counted_under_other_names(
    usage: dict[str, Any], read: int | None, written: int | None, output: int
) -> None:
    counted = {"prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 14, **usage}
    reading = Reading()
    SHAPES["/chat/completions"].read_response({"choices": [], "usage": counted}, reading)
    attributes = reading.attributes
    assert attributes["gen_ai.usage.input_tokens"] == 9
    assert attributes["gen_ai.usage.output_tokens"] == output
    assert attributes["gen_ai.usage.cache_read.input_tokens"] == read
    assert attributes["gen_ai.usage.cache_write.input_tokens"] == written

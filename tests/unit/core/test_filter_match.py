"""The filter language over a span in memory."""

from __future__ import annotations

from typing import Any

import pytest

from llmflow_core.filter_match import matches
from llmflow_core.filters import parse_filter
from llmflow_core.spans import Score
from llmflow_testkit.spans import make_generation, make_span

SCORED: dict[str, Any] = {"scores": [Score(name="quality", value=0.8), Score(name="tone", label="kind")]}
SPAN = make_generation(
    trace_id=bytes.fromhex("ab" * 16),
    attributes={"feature": "chat", "n": 3, "ratio": 0.5, "beta": True, "list": ["x", 7]},
    content={"input.value": "Where is Paris?", "event:0": {"attributes": {"content": "In France"}}},
    **SCORED,
)


@pytest.mark.parametrize(
    "text",
    [
        "",
        'name:"chat gpt-4o"',
        "name:chat*",
        "model:gpt-4o",
        "model:gpt-3,gpt-4o",
        "type:generation kind:client status:ok",
        "tokens:>1000 tokens:1k..2k",
        "cost:>$0.005 cost:<0.006",
        "duration:1s duration:>=900ms ttft:<1s speed:>57",
        "http:200 error:timeout finish:length",
        "tag:beta tag:*",
        "user:ada session:s-1 environment:production release:1.4.* prompt:greeting prompt_version:3",
        "root:true trace:ab",
        "attr.feature:chat attr.n:3 attr.n:>2 attr.ratio:0.50 attr.beta:true attr.list:7 attr.list:x attr.feature:c*t",
        "resource.host.cpus:2 resource.service.name:*",
        "score.quality:>0.5 score.quality:0.8 score.tone:kind score.tone:k* score.quality:*",
        '"is paris" france paris where',
        "-model:gpt-3 NOT status:error",
        "(user:bob OR user:ada)",
    ],
)
def test_finds_it(text: str) -> None:
    assert matches(parse_filter(text), SPAN)


def test_a_rate_that_is_no_binary_fraction_equals_itself() -> None:
    assert matches(parse_filter("speed:0.1"), make_span(tokens_per_second=0.1))


@pytest.mark.parametrize(
    "text",
    [
        "model:GPT-4o",
        "name:chat",
        "type:tool",
        "kind:server",
        "tokens:>2000",
        "cost:0",
        "tag:alpha",
        "root:false",
        "trace:ac",
        "parent:*",
        "attr.n:>3",
        "attr.feature:>1",
        "attr.none:*",
        "attr.list:y",
        "score.quality:>0.9",
        "score.none:*",
        '"paris is"',
        "berlin",
        "-model:gpt-4o",
        "user:bob OR user:eve",
    ],
)
def test_does_not_find_it(text: str) -> None:
    assert not matches(parse_filter(text), SPAN)


def test_what_a_span_lacks_is_not_found_and_its_opposite_is() -> None:
    plain = make_span(kind=77)
    for text in ("model:*", "cost:>0", "user:ada", "tag:*", "kind:client", "parent:00"):
        assert not matches(parse_filter(text), plain)
        assert matches(parse_filter(f"-{text}"), plain)

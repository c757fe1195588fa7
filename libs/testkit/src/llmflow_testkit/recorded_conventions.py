"""What real instrumentation libraries sent, and what LLMFlow must make of it: tests/fixtures/conventions.

`python -m llmflow_testkit.recorded_conventions library` prints what LLMFlow reads, in the form of expected.yaml.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml

from llmflow_core.content import conversation
from llmflow_core.otlp import spans_of
from llmflow_core.pricing import Prices
from llmflow_core.spans import ObservationType, Span, Status
from llmflow_testkit.otlp_requests import traces_of_json

FOLDER = Path("tests/fixtures/conventions")

#: Facts that have the same name and meaning in a Span and in the query API's answers.
SAME_FACTS = (
    "observation_type",
    "provider",
    "model",
    "response_model",
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
    "finish_reasons",
    "error_type",
    "http_status",
    "user_id",
    "session_id",
    "tags",
    "environment",
    "release",
    "prompt_name",
    "prompt_version",
)
_SCORE = ("name", "value", "label", "comment", "source")


def recorded_libraries() -> list[str]:
    """The libraries that something was recorded from."""
    return sorted(file.parent.name for file in FOLDER.glob("*/recorded.json"))


def recorded_bytes(library: str) -> bytes:
    """The recording: one OTLP/JSON trace request."""
    return (FOLDER / library / "recorded.json").read_bytes()


def recorded_spans(library: str) -> list[Span]:
    """The recorded spans as the writer reads them (not priced), in order of start; of two that start at once, the
    longer one, which is the outer, first."""
    spans = spans_of(traces_of_json(recorded_bytes(library)))
    return sorted(spans, key=lambda span: (span.start_time_ns, -span.duration_ns))


def expected_facts(library: str) -> list[dict[str, Any]]:
    """What must be read from the recording, span by span."""
    facts: list[dict[str, Any]] = yaml.safe_load((FOLDER / library / "expected.yaml").read_text())
    return facts


def priced(spans: Iterable[Span]) -> list[Span]:
    """The spans with the costs that the writer gives them."""
    prices = Prices()
    found = list(spans)
    for span in found:
        prices.price(span)
    return found


def facts_of(spans: Iterable[Span]) -> list[dict[str, Any]]:
    """What expected.yaml says of spans, in the same shape: what a span does not have is left out."""
    found = list(spans)
    names = {span.span_id: span.name for span in found}
    return [_span_facts(span, names) for span in found]


def _span_facts(span: Span, names: Mapping[bytes, str]) -> dict[str, Any]:
    facts = {name: getattr(span, name) for name in SAME_FACTS}
    facts["parent"] = names.get(span.parent_span_id or b"")
    facts["status"] = span.status
    facts["cost"] = span.cost
    facts["time_to_first_token"] = span.time_to_first_token_ns
    facts["scores"] = [dataclasses.asdict(score) for score in span.scores]
    return _facts(span.name, facts, dataclasses.asdict(conversation(span)))


def facts_of_answer(detail: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """The same facts out of the query API's answer for one span; `names` are those of its trace's spans, by id."""
    answer = {**detail, **detail["span"]}
    facts = {name: answer[name] for name in SAME_FACTS}
    facts["parent"] = names.get(answer["parent_span_id"] or "")
    facts["status"] = answer["status"]
    facts["cost"] = answer["cost"]
    facts["time_to_first_token"] = answer["time_to_first_token_ns"]
    facts["scores"] = answer["scores"]
    return _facts(answer["name"], facts, answer["conversation"])


def _facts(name: str, facts: dict[str, Any], conversation: Mapping[str, Any]) -> dict[str, Any]:
    facts["scores"] = [{name: score[name] for name in _SCORE if score[name] is not None} for score in facts["scores"]]
    if facts["observation_type"] == ObservationType.SPAN:
        del facts["observation_type"]
    if facts["status"] != Status.ERROR:
        del facts["status"]
    if facts["cost"] is not None:
        facts["cost"] = f"{Decimal(facts['cost']).normalize():f}"
    if facts["time_to_first_token"] is not None:
        facts["time_to_first_token"] = facts["time_to_first_token"] > 0
    return {"name": name, **_pruned({**facts, **conversation})}


def _pruned(value: Any) -> Any:
    """Without what is None or empty, all the way down."""
    if isinstance(value, Mapping):
        kept = {key: _pruned(item) for key, item in value.items()}
        return {key: item for key, item in kept.items() if item not in (None, [], {})}
    if isinstance(value, list):
        return [_pruned(item) for item in value]
    return str(value) if isinstance(value, str) else value  # no StrEnum, which YAML cannot write


if __name__ == "__main__":
    for library in sys.argv[1:]:
        print(
            yaml.safe_dump(
                facts_of(priced(recorded_spans(library))),
                sort_keys=False,
                allow_unicode=True,
                width=110,
                default_flow_style=None,
            )
        )

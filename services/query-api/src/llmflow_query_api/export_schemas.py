"""One line or row of an exported file; a trace is as it is in the list of traces."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from llmflow_query_api.schemas import Cost, ListedSpan


class ExportedSpan(ListedSpan, frozen=True, kw_only=True):
    """Everything known of one span. `content` is null unless it was asked for."""

    scope: str
    scope_version: str
    input_cost: Cost
    output_cost: Cost
    tokens_per_second: float | None
    finish_reasons: list[str]
    http_status: int | None
    release: str | None
    prompt_name: str | None
    prompt_version: str | None
    attributes: dict[str, Any]
    resource_attributes: dict[str, Any]
    events: list[dict[str, Any]]
    links: list[dict[str, Any]]
    content: Annotated[dict[str, Any] | None, Meta(description="Prompts, completions and the like, as they came.")]

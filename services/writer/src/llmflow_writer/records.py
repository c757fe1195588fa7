"""Records of the log as spans to store."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field

from llmflow_bus import Record, topics
from llmflow_core import otlp
from llmflow_core.errors import Rejected
from llmflow_core.pricing import Prices
from llmflow_core.projects import project_named
from llmflow_core.spans import Span

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Decoded:
    """A record, the spans in it that can be stored, and what is wrong with the rest of it."""

    record: Record
    spans: list[Span] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def decode(record: Record, prices: Prices) -> Decoded:
    """Read a record's spans and price them. Never raises: a record that cannot be read has a problem and no spans."""
    try:
        project = project_named(record.headers.get(topics.PROJECT_HEADER), field=f"header {topics.PROJECT_HEADER}")
        request = otlp.parse_traces(record.value)
        problems = otlp.check_traces(request)
        spans = otlp.spans_of(request, project)
        for span in spans:
            prices.price(span)
    except Rejected as error:
        return Decoded(record, problems=[str(error)])
    except Exception as error:  # whatever it is, the records behind this one must not wait for its repair
        logger.exception("%s[%d] %d cannot be read", record.topic, record.partition, record.offset)
        return Decoded(record, problems=[f"{type(error).__name__}: {error}"])
    return Decoded(record, spans, problems)

"""Records of the log as what is to be stored."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import Any

from llmflow_bus import Record, topics
from llmflow_bus.dead_letters import concerns
from llmflow_core.errors import Rejected
from llmflow_core.pricing import Prices
from llmflow_core.projects import project_named
from llmflow_writer.signals import SIGNALS

logger = logging.getLogger(__name__)

#: The writers' consumer group.
GROUP = "llmflow-writer"


@dataclass(frozen=True, slots=True)
class Decoded:
    """A record, what of it can be stored (items of its signal), and what is wrong with the rest."""

    record: Record
    items: list[Any] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def decode(record: Record, prices: Prices) -> Decoded:
    """Read a record's items, as its topic says, and price them.

    Never raises: a record that cannot be read has a problem and no items. One that is there again for a destination
    alone has neither: it was stored when it came first, with content that a destination may have been spared.
    """
    if not concerns(record, GROUP):
        return Decoded(record)
    try:
        project = project_named(record.headers.get(topics.PROJECT_HEADER), field=f"header {topics.PROJECT_HEADER}")
        items, problems = SIGNALS[record.topic].read(record, project, prices)
    except Rejected as error:
        return Decoded(record, problems=[str(error)])
    except Exception as error:  # whatever it is, the records behind this one must not wait for its repair
        logger.exception("%s[%d] %d cannot be read", record.topic, record.partition, record.offset)
        return Decoded(record, problems=[f"{type(error).__name__}: {error}"])
    return Decoded(record, items, problems)

"""Which operations services have and who calls whom: the port, a part of `Store`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True, order=True)
class Operation:
    """A name that spans have, and their OTLP kind."""

    name: str
    kind: int


@dataclass(frozen=True, slots=True)
class Dependency:
    """How many spans of `child` have a parent of `parent`; both are names of services."""

    parent: str
    child: str
    calls: int


class Topology(Protocol):
    """Methods raise Retryable while the database is away or overloaded."""

    async def operations(self, project: str, service: str, from_time: datetime) -> Sequence[Operation]:
        """What the newest 500 traces since `from_time` have of a service, in order of name; 1,000 at most."""
        ...

    async def dependencies(self, project: str, from_time: datetime, to_time: datetime) -> Sequence[Dependency]:
        """The calls between services among the newest 20,000 spans with a parent that started in from ≤ start < to,
        most frequent first; 1,000 at most."""
        ...

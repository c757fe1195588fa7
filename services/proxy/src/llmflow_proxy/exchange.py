"""One call as it passes through the proxy: what the hot path notes down for the record."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Literal

from llmflow_proxy.capture import Capture
from llmflow_proxy.routes import Route

#: How an exchange ended other than well: the caller left, or was too slow; the provider was not reached, was too slow,
#: or broke off.
Failure = Literal["cancelled", "caller_timeout", "unreachable", "timeout", "broken"]


@dataclass(slots=True, kw_only=True)
class Exchange:
    """Times are integers of nanoseconds: `start_ns` since the Unix epoch, the others on the monotonic clock. `project`
    is the one that the caller's key stands for. Names of headers are in lower case."""

    route: Route
    method: str
    path: str
    query: str
    request_headers: list[tuple[bytes, bytes]]
    request: Capture
    response: Capture
    project: str | None = None
    start_ns: int = field(default_factory=time.time_ns)
    started: int = field(default_factory=time.perf_counter_ns)
    first_byte: int | None = None
    ended: int | None = None
    status: int | None = None
    response_headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    failure: Failure | None = None
    failure_message: str = ""

    def response_header(self, name: bytes) -> str:
        """The first response header of this name (lower case), or empty text."""
        for key, value in self.response_headers:
            if key == name:
                return value.decode("latin-1")
        return ""

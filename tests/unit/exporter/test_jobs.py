"""Which jobs are reported, and what becomes of one whose end cannot be told."""

from __future__ import annotations

import asyncio
from typing import cast

from llmflow_bus import open_bus
from llmflow_bus.dead_letters import DeadLetters
from llmflow_core.destinations.destination import Destination
from llmflow_core.errors import Retryable
from llmflow_exporter.jobs import Jobs
from llmflow_exporter.office import Job, Office, Orders
from llmflow_exporter.settings import ExporterSettings


class _Office:
    """A query API with one job, that is away for the first `failures` notes."""

    def __init__(self, failures: int = 0) -> None:
        self.orders = Orders(jobs=[Job(1, "a", "test")])
        self.noted: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._failures = failures

    async def note(self, job: int, state: str, *, message: str) -> bool:
        if self._failures:
            self._failures -= 1
            raise Retryable("away")
        self.noted.set_result(state)
        return True


def _jobs(office: _Office) -> Jobs:
    settings = ExporterSettings(export_refresh_seconds=0.001)
    return Jobs(cast(Office, office), DeadLetters(open_bus("embedded:///nowhere")), settings)


async def test_a_job_that_nobody_has_begun_with_yet_is_reported() -> None:
    assert _jobs(_Office()).ids == [1]


async def test_the_end_of_a_test_is_told_once_the_query_api_is_back() -> None:
    office = _Office(failures=3)
    jobs = _jobs(office)
    await jobs.apply(office.orders.jobs, {"a": Destination(name="a", url="http://127.0.0.1:9")})
    assert jobs.ids == [1]
    assert await asyncio.wait_for(office.noted, 60) == "failed"

"""A whole LLMFlow with the traffic of `llmflow demo`, for tests and pictures of the page."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from llmflow_testkit.polling import eventually
from llmflow_testkit.stack import Stack

PROJECT = "demo"


@contextmanager
def demo_stack(
    folder: Path, *, database_url: str, page_dir: Path, traces: int, environment: Mapping[str, str] | None = None
) -> Iterator[Stack]:
    """The services that the page needs, on an embedded log, once so many demo traces, 200 at most, can be read.

    `database_url` is an empty database, `page_dir` the built page, `folder` takes the log and the services' logs;
    `environment` is added to the services'.
    """
    with Stack(
        folder,
        bus_url=f"embedded://{folder}/log",
        database_url=database_url,
        services=("ingest", "writer", "query-api"),
        environment={"LLMFLOW_FRONTEND_DIR": str(page_dir), **(environment or {})},
    ) as stack:
        subprocess.run(
            [sys.executable, "-m", "llmflow", "demo", "--traces", str(traces), "--ingest-url", stack.url("ingest")],
            check=True,
            capture_output=True,
        )
        asyncio.run(_written(stack, traces))
        yield stack


async def _written(stack: Stack, traces: int) -> None:
    async with stack.api() as api:

        async def all_there() -> bool:
            answer = await api.get("/api/v1/traces", params={"project": PROJECT, "limit": 200})
            return len(answer.raise_for_status().json()["traces"]) == traces

        await eventually(all_there, within=120)

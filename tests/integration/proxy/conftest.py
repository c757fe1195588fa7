"""A real proxy on a real embedded log, in front of the fake providers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from llmflow_bus import Bus, Consumer, open_bus
from llmflow_bus.topics import PROJECT_HEADER, SPANS
from llmflow_core.otlp import parse_traces, spans_of
from llmflow_core.spans import Span
from llmflow_proxy.app import create_app
from llmflow_proxy.settings import ProxySettings
from llmflow_testkit.polling import eventually
from llmflow_testkit.providers import BackgroundServer, FakeProvider

#: The providers whose fakes answer below their names.
OTHERS = (
    "gemini",
    "cohere",
    "ollama",
    "bedrock",
    "azure",
    "mistral",
    "groq",
    "deepseek",
    "openrouter",
    "perplexity",
    "vllm",
)


@pytest.fixture
def log_url(tmp_path: Path) -> str:
    return f"embedded://{tmp_path}/log"


@pytest.fixture
def proxy_url(fake_provider: FakeProvider, log_url: str) -> Iterator[str]:
    """Where the proxy listens."""
    others: Any = {f"{name}_base_url": f"{fake_provider.url}/{name}" for name in OTHERS}
    settings = ProxySettings(
        bus_url=log_url,
        openai_base_url=f"{fake_provider.url}/v1",
        anthropic_base_url=fake_provider.url,
        **others,
        read_timeout=60,
    )
    with BackgroundServer(create_app(settings)) as server:
        yield server.url


@dataclass
class Recorded:
    """The spans that arrived in the log."""

    consumer: Consumer
    values: list[bytes] = field(default_factory=list)
    spans: list[Span] = field(default_factory=list)

    async def all(self, count: int) -> list[Span]:
        """The first `count` spans, waiting for them."""

        async def enough() -> bool:
            batch = await self.consumer.poll(max_records=100, timeout=0.2)
            for record in batch.records:
                self.values.append(record.value)
                self.spans += spans_of(parse_traces(record.value), record.headers[PROJECT_HEADER])
            return len(self.spans) >= count

        await eventually(enough, within=60)
        assert len(self.spans) == count
        return self.spans

    async def one(self) -> Span:
        """The only span."""
        (span,) = await self.all(1)
        return span


@pytest.fixture
async def bus(log_url: str) -> AsyncIterator[Bus]:
    bus = open_bus(log_url)
    yield bus
    await bus.close()


@pytest.fixture
async def recorded(bus: Bus) -> Recorded:
    return Recorded(await bus.consumer("tests", [SPANS]))

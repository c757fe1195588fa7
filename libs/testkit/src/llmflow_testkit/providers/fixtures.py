"""The pytest fixture of the fake providers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from llmflow_testkit.providers.fake import FakeProvider


@pytest.fixture(scope="session")
def fake_provider() -> Iterator[FakeProvider]:
    """Fake OpenAI and Anthropic, shared by the run: find your own requests by what you sent."""
    with FakeProvider() as provider:
        yield provider

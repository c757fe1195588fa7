from __future__ import annotations

import pytest
from pydantic import Field

from llmflow_core.config import Settings, load_settings
from llmflow_core.errors import ConfigError


class Example(Settings):
    port: int = Field(default=3000, validation_alias="PORT", ge=1, le=65535, examples=[3000])
    workers: int = Field(default=1, ge=0, examples=[2])


def test_the_environment_is_read_and_overrides_win(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "81")
    monkeypatch.setenv("LLMFLOW_WORKERS", "3")
    assert load_settings(Example, workers=4) == Example(port=81, workers=4)


def test_every_problem_is_reported_at_once_with_variable_and_example(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "99999")
    monkeypatch.setenv("LLMFLOW_WORKERS", "many")
    with pytest.raises(ConfigError) as caught:
        load_settings(Example)
    assert len(caught.value.problems) == 2
    port, workers = caught.value.problems
    assert port.startswith("PORT: ")
    assert "65535" in port
    assert "PORT=3000" in port
    assert workers.startswith("LLMFLOW_WORKERS: ")
    assert "LLMFLOW_WORKERS=2" in workers

from __future__ import annotations

from pathlib import Path

import pytest

from llmflow.settings_reference import MODELS, reference
from llmflow_core.config import Settings

PAGE = Path(__file__).parents[3] / "docs" / "settings.md"


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text() == reference(), "run: .venv/bin/llmflow settings > docs/settings.md"


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_every_setting_says_what_it_means_and_shows_an_example(model: type[Settings]) -> None:
    for name, field in model.model_fields.items():
        assert field.description, name
        assert field.examples, name

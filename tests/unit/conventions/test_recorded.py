"""What real libraries sent is read right; tests/fixtures/conventions/README.md says how it was recorded."""

from __future__ import annotations

from pathlib import Path

import pytest

from llmflow_testkit.conventions_table import page
from llmflow_testkit.recorded_conventions import expected_facts, facts_of, priced, recorded_libraries, recorded_spans


@pytest.mark.parametrize("library", recorded_libraries())
def test_every_fact_of_a_recording_is_read(library: str) -> None:
    assert facts_of(priced(recorded_spans(library))) == expected_facts(library)


def test_the_page_about_conventions_is_current() -> None:
    written = Path("docs/conventions.md").read_text()
    assert written == page(), "run: python -m llmflow_testkit.conventions_table > docs/conventions.md"

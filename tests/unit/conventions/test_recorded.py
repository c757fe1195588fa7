"""What real libraries sent is read right; tests/fixtures/conventions/README.md says how it was recorded."""

from __future__ import annotations

import pytest

from llmflow_testkit.recorded_conventions import expected_facts, facts_of, priced, recorded_libraries, recorded_spans


@pytest.mark.parametrize("library", recorded_libraries())
def test_every_fact_of_a_recording_is_read(library: str) -> None:
    assert facts_of(priced(recorded_spans(library))) == expected_facts(library)

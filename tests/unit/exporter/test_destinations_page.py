"""docs/destinations.md names every preset, its options and every field of a destination."""

from __future__ import annotations

from pathlib import Path

import pytest

from llmflow_core.destinations.entry import Entry, Filters, TlsFiles
from llmflow_core.destinations.presets import PRESETS

PAGE = Path("docs/destinations.md").read_text().splitlines()


@pytest.mark.parametrize("name", PRESETS)
def test_presets(name: str) -> None:
    preset = PRESETS[name]
    (row,) = (line for line in PAGE if line.startswith(f"| `{name}` |"))
    _, _, endpoint, options, _, dialect, _ = (cell.strip() for cell in row.split("|"))
    assert endpoint.startswith(f"`{preset.endpoint}`")
    assert dialect == preset.dialect
    named = {option.split()[0] for option in options.split(", ")} if options else set()
    assert named == {f"**{option}**" if option in preset.needs else option for option in preset.options}


@pytest.mark.parametrize("field", [*Entry.model_fields, *Filters.model_fields, *TlsFiles.model_fields])
def test_fields(field: str) -> None:
    begin = PAGE.index("## Everything that a destination may have")
    assert any(f"`{field}`" in line for line in PAGE[begin:])

"""The Go programs below `bench/go`."""

from __future__ import annotations

from pathlib import Path

from llmflow_testkit.clusters.cache import built_once, require, run

_SOURCES = Path(__file__).parent / "go"


def go_program(name: str) -> Path:
    """The program `name` (load, otlpload, sink, upstream), built from its present source, in the tests' cache.

    Raises BackendMissing.
    """
    require("go")
    age = max(int(path.stat().st_mtime_ns) for path in _SOURCES.rglob("*") if path.is_file())

    def build(folder: Path) -> None:
        programs = [f"./{path.parent.name}" for path in _SOURCES.glob("*/main.go")]
        run(["go", "build", "-C", _SOURCES, "-o", f"{folder}/", *programs])

    return built_once(f"bench-go-{age:x}", build) / name

"""Fixtures for servers that the machine may not be able to provide."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from llmflow_testkit.clusters.cache import BackendMissing
from llmflow_testkit.missing import missing

T = TypeVar("T")


def available(provide: Callable[[], T]) -> T:
    """What `provide` returns; when it raises BackendMissing, the test fails in CI and is skipped elsewhere."""
    try:
        return provide()
    except BackendMissing as reason:
        missing(f"a backend is missing: {reason}")

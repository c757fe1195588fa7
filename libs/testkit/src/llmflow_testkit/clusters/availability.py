"""Fixtures for servers that the machine may not be able to provide."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TypeVar

import pytest

from llmflow_testkit.clusters.cache import BackendMissing
from llmflow_testkit.missing import missing

T = TypeVar("T")


def available(provide: Callable[[], T], *, shared: str | None = None) -> T:
    """What `provide` returns; when it raises BackendMissing, the test fails in CI and is skipped elsewhere.

    `shared` is the variable that may name a server for all tests. Where it does, a server for one test is a luxury, and
    its absence skips the test in CI too.
    """
    try:
        return provide()
    except BackendMissing as reason:
        if shared and os.environ.get(shared):
            pytest.skip(f"the server that {shared} names is not this test's to stop, and there is no other: {reason}")
        missing(f"a backend is missing: {reason}")

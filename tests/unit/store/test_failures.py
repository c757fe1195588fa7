"""What a failure of the database means to callers: only data at fault is permanent."""

from __future__ import annotations

import asyncpg
import pytest

from llmflow_core.errors import ConfigError, Permanent, Retryable
from llmflow_store import open_store
from llmflow_store.connections import translated


@pytest.mark.parametrize(
    "error",
    [asyncpg.NumericValueOutOfRangeError, asyncpg.NotNullViolationError, asyncpg.ProgramLimitExceededError],
)
def test_data_at_fault_is_permanent(error: type[asyncpg.PostgresError]) -> None:
    assert isinstance(translated(error("no")), Permanent)


@pytest.mark.parametrize(
    "error",
    [
        asyncpg.DeadlockDetectedError("circle"),
        asyncpg.UndefinedTableError("not migrated"),
        asyncpg.InvalidPasswordError("who?"),
        asyncpg.AdminShutdownError("bye"),
        asyncpg.DiskFullError("full"),
        asyncpg.InterfaceError("connection is closed"),
        asyncpg.InternalClientError("lost"),
        ConnectionRefusedError(),
        TimeoutError(),
    ],
)
def test_everything_else_of_the_database_is_retryable(error: Exception) -> None:
    assert isinstance(translated(error), Retryable)


def test_faults_of_ours_stay_what_they_are() -> None:
    assert translated(ValueError("bug")) is None


def test_a_url_of_another_database_is_refused_before_anything_is_opened() -> None:
    with pytest.raises(ConfigError, match="LLMFLOW_DATABASE_URL"):
        open_store("mysql://localhost/llmflow")

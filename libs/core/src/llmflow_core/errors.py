"""The errors of every LLMFlow part; each service maps them to HTTP or gRPC in one module of its own.

LLMFlowError
├── Rejected      the input is wrong: name the field, keep everything else (HTTP 400, gRPC INVALID_ARGUMENT)
├── Changed       what is to be edited is not what the caller has seen of it (412)
├── Retryable     a dependency is away or overloaded: the same call may succeed later (503/429, UNAVAILABLE)
│   └── TookTooLong   it was given up after its time: ask for less (504)
├── Permanent     the same call can never succeed: dead-letter it
└── ConfigError   the settings are wrong: say all that is wrong at once and stop
"""

from __future__ import annotations

from collections.abc import Sequence


class LLMFlowError(Exception):
    """Root of everything LLMFlow raises on purpose."""


class Rejected(LLMFlowError):  # noqa: N818 - named after the outcome, like the others
    """The caller's input is not acceptable; `field` names the part that is wrong."""

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(f"{field}: {message}" if field else message)
        self.field = field


class Changed(LLMFlowError):  # noqa: N818
    """Nothing was edited, since the thing is not in a state that the caller named."""


class Retryable(LLMFlowError):  # noqa: N818
    """The call failed for now; `retry_after` is a hint in seconds."""

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class TookTooLong(Retryable):
    """The call was given up after its time; a smaller question may be answered."""


class Permanent(LLMFlowError):  # noqa: N818
    """The call failed and will fail again unchanged."""


class ConfigError(LLMFlowError):
    """Every problem found in the settings, one line each."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(["the configuration is wrong:", *(f"  {problem}" for problem in problems)]))
        self.problems = list(problems)

"""Regular expressions that users write: in RE2's syntax, which takes no longer for a nasty one."""

from __future__ import annotations

import re2  # type: ignore[import-untyped]


def compiled(pattern: str) -> re2._Regexp:
    """`pattern` to search with. Raises ValueError that says what RE2 has against it."""
    options = re2.Options()
    # On the standard error of the process; the exception says it to who wrote the pattern.
    options.log_errors = False
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        reason = error.args[0]
        raise ValueError(reason.decode() if isinstance(reason, bytes) else reason) from None

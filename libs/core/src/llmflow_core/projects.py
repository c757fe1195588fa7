"""Projects: the names that keep one team's spans apart from another's."""

from __future__ import annotations

import re

from llmflow_core.errors import Rejected
from llmflow_core.spans import DEFAULT_PROJECT

#: HTTP header and gRPC metadata key that names the project of what is sent.
PROJECT_HEADER = "x-llmflow-project"

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")


def project_named(name: str | None, *, field: str = PROJECT_HEADER) -> str:
    """The project of that name, or the default one without a name.

    Raises Rejected, which blames `field`, for what cannot be a name.
    """
    if name is None:
        return DEFAULT_PROJECT
    if not _NAME.fullmatch(name):
        raise Rejected(f"must match ^{_NAME.pattern}$", field=field)
    return name

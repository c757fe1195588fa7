"""Secrets by reference: `${env:NAME}` and `${file:PATH}` inside any text of the destination file."""

from __future__ import annotations

import os
import re
from pathlib import Path

REFERENCE = re.compile(r"\$\{([a-z]+):([^}]*)\}")


def resolved(text: str) -> str:
    """`text` with its references replaced by what they stand for; a file's trailing line ends are not part of it.

    Raises ValueError that names a reference which leads nowhere, and never what any of them stands for.
    """
    return REFERENCE.sub(_value, text)


def _value(reference: re.Match[str]) -> str:
    kind, name = reference.groups()
    match kind:
        case "env":
            if name not in os.environ:
                raise ValueError(f"the environment variable {name} is not set")
            return os.environ[name]
        case "file":
            try:
                return Path(name).read_text().rstrip("\r\n")
            except (OSError, UnicodeDecodeError):
                raise ValueError(f"the file {name} cannot be read") from None
        case _:
            raise ValueError(f"${{{kind}:...}} is no reference: use ${{env:NAME}} or ${{file:PATH}}")

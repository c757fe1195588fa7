"""compose and the chart give the database's password apart from its URL, as PGPASSWORD."""

from __future__ import annotations

import os
import subprocess
import sys
from urllib.parse import unquote, urlsplit, urlunsplit

import pytest


@pytest.mark.parametrize(("suffix", "returncode"), [("", 0), ("-wrong", 1)])
def test_migration_takes_the_password_from_the_environment(
    embedded_database_url: str, suffix: str, returncode: int
) -> None:
    parts = urlsplit(embedded_database_url)
    assert parts.password
    environment = {
        **os.environ,
        "LLMFLOW_DATABASE_URL": urlunsplit(parts._replace(netloc=f"{parts.username}@{parts.hostname}:{parts.port}")),
        "PGPASSWORD": unquote(parts.password) + suffix,
    }
    done = subprocess.run(
        [sys.executable, "-m", "llmflow_store", "migrate"], env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == returncode, done.stderr
    assert suffix == "" or "password authentication failed" in done.stderr

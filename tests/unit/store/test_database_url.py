from __future__ import annotations

import pytest

from llmflow_core.errors import ConfigError
from llmflow_store.connections import check_url


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://llmflow@timescaledb/llmflow",
        "postgres://u:p%23%2F%40@[::1]:5432/llmflow?sslmode=verify-full",
        "postgresql://u:p@a:5432,b:5433/llmflow?target_session_attrs=read-write",
        "postgresql:///llmflow?host=/run/postgresql",
        "postgresql://u:p@ss@host/llmflow",
    ],
)
def test_urls_as_libpq_takes_them(url: str) -> None:
    check_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "llmflow",
        "mysql://host/llmflow",
        "postgresql://host:port/llmflow",
        "postgresql://u:sec#ret@host/llmflow",
        "postgresql://u:sec/ret@host/llmflow",
        "postgresql://u:sec?ret@host/llmflow",
        "postgresql://u:[secret@host/llmflow",
    ],
)
def test_others_are_refused_without_what_may_be_a_password(url: str) -> None:
    with pytest.raises(ConfigError, match="not a PostgreSQL URL") as refused:
        check_url(url)
    assert "sec" not in str(refused.value)

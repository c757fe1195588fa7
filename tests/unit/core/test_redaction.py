"""What is blanked, what is left alone, and that no text takes long."""

from __future__ import annotations

import time

import pytest

from llmflow_core.redaction import Redactor

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"
PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEA7v\nq0/+x==\n-----END RSA PRIVATE KEY-----"


@pytest.fixture(scope="module")
def redactor() -> Redactor:
    return Redactor()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("write to Ada.Lovelace+x@mail.example.co.uk, please", "write to [email], please"),
        ("mailto:ada@example.com>bob@example.org", "mailto:[email]>[email]"),
        ("4111 1111 1111 1111", "[card]"),
        ("pay with 5500-0000-0000-0004 now", "pay with [card] now"),
        ("378282246310005", "[card]"),
        ("+49 30 901820", "[phone]"),
        ("call (415) 555-2671 or +1-415-555-2671", "call [phone] or [phone]"),
        ("415.555.2671", "[phone]"),
        ("key sk-proj-abcDEF0123456789_x-y in text", "key [key] in text"),
        ("sk-ant-api03-abcdefghijklmnop", "[key]"),
        ("AKIAIOSFODNN7EXAMPLE", "[key]"),
        ("ghp_" + "a1B2" * 9, "[key]"),
        ("github_pat_" + "a1B2_" * 9, "[key]"),
        ("AIza" + "x" * 35, "[key]"),
        ("sk_live_" + "4eC39HqLyjWDarjtT1zdp7dc", "[key]"),
        ("xoxb-123456789012-abcdef", "[key]"),
        (f"Bearer {JWT}", "Bearer [key]"),
        (f"a\n{PEM}\nb", "a\n[key]\nb"),
        (PEM.replace("\n", "\\n"), "[key]"),
    ],
)
def test_is_blanked(redactor: Redactor, text: str, expected: str) -> None:
    assert redactor.text(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "user@host and @mention and a@b",
        "4111 1111 1111 1112 fails Luhn's check",
        "1234567890",
        "the year 2024-08-06, or 06.08.2024, at 12:30",
        "version 10.20.30.40 and 3.14159265358979",
        "pages 100 - 2000",
        "gpt-4o-2024-08-06",
        "sk-short",
        "the risk-averse asks-for-nothing-at-all",
        "eyJ is how they begin",
        "naïve ☂ text",
    ],
)
def test_is_left_alone(redactor: Redactor, text: str) -> None:
    assert redactor.text(text) == text


def test_structures_keep_their_shape(redactor: Redactor) -> None:
    value = {
        "a@example.com": ["ada@example.com", {"n": 1, "f": 1.5, "t": True, "none": None}],
        "card": 4111111111111111,
    }
    assert redactor.value(value) == {
        "a@example.com": ["[email]", {"n": 1, "f": 1.5, "t": True, "none": None}],
        "card": "[card]",
    }


def test_own_patterns_come_first() -> None:
    redactor = Redactor([r"EMP-\d{6}", r"(?i)project\s+(?:falcon|eagle)", "q*"])
    assert redactor.text("EMP-123456 on Project  Falcon: ada@example.com") == "[redacted] on [redacted]: [email]"


@pytest.mark.parametrize("pattern", ["(", r"(a)\1", "(?=look)"])
def test_a_pattern_that_re2_does_not_take(pattern: str) -> None:
    with pytest.raises(ValueError, match="pattern 2"):
        Redactor(["fine", pattern])


@pytest.mark.parametrize(
    "text",
    [
        "a" * 500_000,
        "a." * 250_000 + "@",
        "a@" * 250_000,
        "1 " * 250_000,
        "+1" * 250_000,
        "(1" * 250_000,
        "-----BEGIN PRIVATE KEY-----" * 20_000,
        "eyJ" + "a" * 250_000 + "." + "b" * 250_000,
        "sk-" * 160_000,
    ],
    ids=lambda text: text[:8],
)
def test_no_text_takes_long(text: str) -> None:
    """A backtracking engine needs minutes for these; the bound leaves room for a slow machine."""
    redactor = Redactor([r"(a+)+$", r"(a|aa)+b"])
    started = time.process_time()
    redactor.text(text)
    assert time.process_time() - started < 20

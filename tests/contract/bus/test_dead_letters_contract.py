"""Dead letters are kept and replayed on both logs."""

from __future__ import annotations

from llmflow_testkit.dead_letters_contract import DeadLettersContract


class TestDeadLetters(DeadLettersContract):
    pass

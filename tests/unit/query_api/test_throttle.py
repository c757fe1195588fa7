"""The wait after failed logins, on a clock of the test's own."""

from __future__ import annotations

from llmflow_query_api import throttle
from llmflow_query_api.throttle import Throttle


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_the_first_failures_are_free_and_then_the_wait_doubles() -> None:
    clock = Clock()
    subject = Throttle(3, clock=clock)
    waits = []
    for _ in range(6):
        subject.failed("mallory")
        waits.append(subject.wait("mallory"))
        clock.now += waits[-1]
        assert subject.wait("mallory") == 0
    assert waits == [0, 0, 1, 2, 4, 8]


def test_the_wait_has_an_end() -> None:
    clock = Clock()
    subject = Throttle(1, clock=clock)
    for _ in range(5000):
        subject.failed("mallory")
    assert subject.wait("mallory") == throttle.LONGEST_WAIT_SECONDS


def test_keys_do_not_wait_for_each_other() -> None:
    subject = Throttle(1, clock=Clock())
    subject.failed("mallory")
    assert subject.wait("mallory") > 0
    assert subject.wait("alice") == 0


def test_success_and_time_both_forgive() -> None:
    clock = Clock()
    subject = Throttle(2, clock=clock)
    subject.failed("alice")
    subject.succeeded("alice")
    subject.failed("alice")
    assert subject.wait("alice") == 0
    clock.now += throttle.FORGET_AFTER_SECONDS + 1
    subject.failed("alice")
    assert subject.wait("alice") == 0
    subject.failed("alice")
    assert subject.wait("alice") == 1


def test_memory_is_bounded_and_the_quietest_is_forgotten_first() -> None:
    subject = Throttle(1, clock=Clock())
    for number in range(throttle.CAPACITY):
        subject.failed(number)
    subject.failed(0)
    subject.failed("one too many")
    assert subject.wait(0) > 0
    assert subject.wait(1) == 0
    assert subject.wait("one too many") > 0

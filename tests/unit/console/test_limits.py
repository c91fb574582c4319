"""Failed sign-ins are counted, and forgotten."""

from console import throttle
from console.throttle import Failures, source_of
from tests.support.clock import ManualClock


def test_ten_from_one_address() -> None:
    clock = ManualClock(1000.0)
    failures = Failures(clock)
    for _ in range(throttle.MOST):
        assert failures.wait_s("a") == 0
        failures.note("a")
        clock.now += 10
    assert failures.wait_s("a") == 500  # the first was a hundred seconds ago
    assert failures.wait_s("b") == 0
    clock.now += 499
    assert failures.wait_s("a") == 1
    clock.now += 1
    assert failures.wait_s("a") == 0


def test_others_do_not_wait_for_those_who_guess() -> None:
    failures = Failures(ManualClock(1000.0))
    for n in range(throttle.MOST_OVERALL + 100):
        failures.note(str(n // throttle.MOST))
    assert failures.wait_s("0") == 600
    assert failures.wait_s("new") == 0


def test_the_first_of_very_many_failures_are_written_down() -> None:
    clock = ManualClock(1000.0)
    failures = Failures(clock)
    recorded = [failures.note(str(n)) for n in range(throttle.MOST_OVERALL + 50)]
    assert recorded == [True] * throttle.MOST_OVERALL + [False] * 50
    clock.now += throttle.WITHIN_S
    assert failures.note("new")


def test_memory_has_an_end() -> None:
    failures = Failures(ManualClock(1000.0))
    for n in range(throttle.SOURCES + 500):
        for _ in range(throttle.MOST + 5):
            failures.note(str(n))
    assert len(failures) == throttle.SOURCES * throttle.MOST + throttle.MOST_OVERALL


def test_a_source_is_an_address_or_a_site() -> None:
    assert source_of("198.51.100.1") == source_of("::ffff:198.51.100.1") == "198.51.100.1"
    assert source_of("2001:db8::1") == source_of("2001:db8::ffff:2")
    assert source_of("2001:db8::1") != source_of("2001:db8:0:1::1")
    assert source_of("") == source_of("unknown") == source_of("1" * 10_000) == ""

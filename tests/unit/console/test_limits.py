"""Failed sign-ins are counted, and forgotten."""

from console import limits
from console.limits import Failures
from tests.support.clock import ManualClock


def test_ten_from_one_address() -> None:
    clock = ManualClock(1000.0)
    failures = Failures(clock)
    for _ in range(limits.MOST):
        assert failures.wait_s("a") == 0
        failures.note("a")
        clock.now += 10
    assert failures.wait_s("a") == 500  # the first was a hundred seconds ago
    assert failures.wait_s("b") == 0
    clock.now += 499
    assert failures.wait_s("a") == 1
    clock.now += 1
    assert failures.wait_s("a") == 0


def test_everybody_together() -> None:
    clock = ManualClock(1000.0)
    failures = Failures(clock)
    for n in range(limits.MOST_OVERALL):
        failures.note(str(n))
    assert failures.wait_s("new") == 600
    clock.now += 600
    assert failures.wait_s("new") == 0


def test_memory_has_an_end() -> None:
    failures = Failures(ManualClock(1000.0))
    for n in range(limits.ADDRESSES + 500):
        failures.note(str(n))
    assert len(failures._by_address) == limits.ADDRESSES
    assert len(failures._overall) == limits.MOST_OVERALL

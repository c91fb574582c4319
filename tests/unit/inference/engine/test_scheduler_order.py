"""Random schedules: nobody is passed without a reason, whatever leaves, fails or runs short."""

from __future__ import annotations

from collections import Counter
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from inference.engine.scheduler import QueueFull, Scheduler


class People:
    """Who came when and why they may have to stand back; a plain model beside the scheduler."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.scheduler = Scheduler(
            max_running=random.randint(1, 4), max_waiting=random.randint(0, 12)
        )
        self.arrivals: dict[str, int] = {}
        self.priority: dict[str, int] = {}
        self.chat: dict[str, str] = {}
        self.stands_back: set[str] = set()  # their chat had others here when they came
        self.gave_up: set[str] = set()  # chats that left while they waited; a place may be kept
        self.admitted: Counter[str] = Counter()

    def come(self, number: int) -> None:
        name, priority = str(number), self.random.choice((0, 0, 0, 1, -1, 4, -8, 8))
        chat = self.random.choice((None, None, "a", "b"))
        try:
            self.scheduler.submit(name, priority=priority, chat=chat)
        except QueueFull:
            return
        if chat is not None and chat in (self.chat[other] for other in self.arrivals):
            self.stands_back.add(name)
        self.chat[name] = chat or name
        self.arrivals[name], self.priority[name] = number, priority

    def leave(self) -> None:
        if self.arrivals:
            name = self.random.choice(sorted(self.arrivals))
            if name not in self.scheduler.running:
                self.gave_up.add(self.chat[name])
            self.scheduler.remove(name)
            del self.arrivals[name]

    def run_short(self) -> None:
        self.scheduler.lower_limit(self.random.randint(1, 4))
        last = self.scheduler.last_admissible()
        if last is not None:
            assert not any(self.may_never_pass(last, n) for n in self.scheduler.running)
            self.scheduler.preempt(last)

    def may_never_pass(self, before: str, name: str) -> bool:
        """``name`` came later and has no reason to go before the other."""
        return (
            self.arrivals[before] < self.arrivals[name]
            and self.priority[before] >= self.priority[name]
            and before not in self.stands_back
            and self.chat[name] not in self.gave_up
        )

    def admit(self) -> None:
        waiting = [n for n in self.arrivals if n not in self.scheduler.running]
        new = [name for name, _ in self.scheduler.admit()]
        for name in new:
            waiting.remove(name)
            passed = [b for b in waiting if self.may_never_pass(b, name)]
            assert not passed, f"{name} went before {passed}"
            self.admitted[name] += 1
        self.scheduler.moves()


@settings(max_examples=500, deadline=None)
@given(st.integers(0, 2**32))
def test_nobody_is_passed_without_a_reason(seed):
    random = Random(seed)
    people, arrivals = People(random), 0
    for now in range(80):
        for _ in range(random.choice((0, 1, 3)) if now < 50 else 0):
            people.come(arrivals)
            arrivals += 1
        if random.random() < 0.5:
            people.leave()
        if random.random() < 0.1:
            people.run_short()
        elif random.random() < 0.4:
            people.scheduler.raise_limit()
        people.admit()
    while people.arrivals:
        people.leave()
        people.admit()
    assert len(people.scheduler) == 0

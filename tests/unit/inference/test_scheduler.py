"""Who runs next: bounds, order, fairness, slots."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from inference.scheduler import HEAD_START, DuplicateRequest, QueueFull, Scheduler, share

SLOTS, PLACES = 3, 5


class SchedulerMachine(RuleBasedStateMachine):
    """Against a plain model: who is here, who has a slot, who came after whom."""

    def __init__(self) -> None:
        super().__init__()
        self.scheduler = Scheduler(max_running=SLOTS, max_waiting=PLACES)
        self.here: dict[str, int] = {}  # id -> number of arrival
        self.slots: dict[str, int] = {}
        self.passed: dict[str, int] = {}
        self.count = 0

    @rule(priority=st.integers(-8, 8), chat=st.sampled_from([None, "eager"]))
    def submit(self, priority: int, chat: str | None) -> None:
        name = str(self.count)
        if len(self.here) >= SLOTS + PLACES:
            with pytest.raises(QueueFull) as full:
                self.scheduler.submit(name, priority=priority, chat=chat)
            assert full.value.place == len(self.here) - len(self.slots) + 1
            return
        self.scheduler.submit(name, priority=priority, chat=chat)
        self.here[name] = self.count
        self.count += 1

    @rule()
    def admit(self) -> None:
        waiting = {n for n in self.here if n not in self.slots}
        for name, slot in self.scheduler.admit():
            assert slot not in self.slots.values()
            waiting.remove(name)
            self.slots[name] = slot
            for other in waiting:
                if self.here[other] < self.here[name]:
                    self.passed[other] = self.passed.get(other, 0) + 1

    @rule()
    def close_ranks(self) -> None:
        for name, before, now in self.scheduler.moves():
            assert self.slots[name] == before > now
            assert now not in self.slots.values()
            self.slots[name] = now
        assert sorted(self.slots.values()) == list(range(len(self.slots)))

    @precondition(lambda self: self.here)
    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.here)))
        assert self.scheduler.remove(name) == self.slots.pop(name, None)
        del self.here[name]
        assert self.scheduler.remove(name) is None

    @precondition(lambda self: self.slots)
    @rule()
    def send_the_last_back(self) -> None:
        name = self.scheduler.last_admissible()
        assert self.scheduler.send_back(name) == self.slots.pop(name)

    @rule(limit=st.integers(0, SLOTS))
    def lower(self, limit: int) -> None:
        self.scheduler.lower_limit(limit)

    @rule()
    def lift(self) -> None:
        self.scheduler.raise_limit()

    @invariant()
    def every_slot_is_one_requests_or_free(self) -> None:
        assert self.scheduler.running == self.slots
        assert len(set(self.slots.values())) == len(self.slots) <= SLOTS
        assert self.scheduler.waiting == len(self.here) - len(self.slots)
        assert 1 <= self.scheduler.limit <= SLOTS

    @invariant()
    def nobody_is_passed_more_often_than_priorities_allow(self) -> None:
        # A request waits behind those that came soon after it with up to 16 steps more priority,
        # and with one step less for each request that its own chat had here.
        most = 16 + SLOTS + PLACES
        assert all(n <= most * HEAD_START for n in self.passed.values())

    def teardown(self) -> None:
        for name in list(self.here):
            self.scheduler.remove(name)
        for _ in range(SLOTS):
            self.scheduler.raise_limit()
        for number in range(SLOTS):
            self.scheduler.submit(f"after {number}")
        assert sorted(slot for _, slot in self.scheduler.admit()) == list(range(SLOTS))


SchedulerMachine.TestCase.settings = settings(
    max_examples=60, stateful_step_count=40, deadline=None
)
TestSchedulerMachine = SchedulerMachine.TestCase


def admitted(scheduler: Scheduler) -> list[str]:
    return [name for name, _ in scheduler.admit()]


def test_equal_priorities_run_in_the_order_of_arrival():
    scheduler = Scheduler(max_running=2, max_waiting=9)
    for name in "abc":
        scheduler.submit(name)
    assert admitted(scheduler) == ["a", "b"]
    scheduler.remove("a")
    assert admitted(scheduler) == ["c"]


def test_a_steady_stream_of_urgent_requests_starves_nobody():
    scheduler = Scheduler(max_running=1, max_waiting=9)
    scheduler.submit("patient", priority=-8)
    for number in range(1000):
        scheduler.submit(f"urgent {number}", priority=8)
        (name,) = admitted(scheduler)
        scheduler.remove(name)
        if name == "patient":
            break
    assert name == "patient"
    assert number < 16 * HEAD_START


def test_a_step_of_priority_passes_a_few_only():
    scheduler = Scheduler(max_running=1, max_waiting=99)
    for number in range(HEAD_START + 3):
        scheduler.submit(str(number))
    scheduler.submit("urgent", priority=1)
    order = []
    while len(scheduler):
        order += admitted(scheduler)
        scheduler.remove(order[-1])
    assert order.index("urgent") == 4


def test_full_says_which_place_it_would_have_been():
    scheduler = Scheduler(max_running=1, max_waiting=2)
    for name in "abc":
        scheduler.submit(name)
    scheduler.admit()
    with pytest.raises(QueueFull) as full:
        scheduler.submit("d")
    assert full.value.place == 3
    scheduler.remove("b")
    scheduler.submit("d")


def test_without_a_waiting_room_a_free_slot_is_enough():
    scheduler = Scheduler(max_running=1, max_waiting=0)
    scheduler.submit("a")
    with pytest.raises(QueueFull):
        scheduler.submit("b")


def test_an_id_is_here_once():
    scheduler = Scheduler(max_running=1, max_waiting=2)
    scheduler.submit("a")
    with pytest.raises(DuplicateRequest):
        scheduler.submit("a")
    scheduler.admit()
    with pytest.raises(DuplicateRequest):
        scheduler.submit("a")


def test_deadlines_reach_the_waiting_and_the_running():
    scheduler = Scheduler(max_running=1, max_waiting=3)
    scheduler.submit("runs", deadline_at=5.0)
    scheduler.admit()
    scheduler.submit("waits", deadline_at=7.0)
    scheduler.submit("forever")
    assert scheduler.expired(4.9) == []
    assert scheduler.expired(5.0) == ["runs"]
    assert sorted(scheduler.expired(8.0)) == ["runs", "waits"]


def test_one_sent_back_is_the_first_to_return():
    scheduler = Scheduler(max_running=2, max_waiting=3)
    for name in "abc":
        scheduler.submit(name)
    scheduler.admit()
    assert scheduler.last_admissible() == "b"
    scheduler.send_back("b")
    scheduler.lower_limit(1)
    assert admitted(scheduler) == []
    scheduler.raise_limit()
    assert admitted(scheduler) == ["b"]


def test_a_chat_with_much_to_ask_does_not_hold_up_the_others():
    scheduler = Scheduler(max_running=1, max_waiting=99)
    for number in range(10):
        scheduler.submit(f"eager {number}", chat="eager")
    scheduler.submit("shy", chat="shy")
    order = []
    while len(scheduler):
        order += admitted(scheduler)
        scheduler.remove(order[-1])
    assert order.index("shy") <= 2
    assert order[-1] == "eager 9"


def test_the_place_in_line_is_that_in_which_they_run():
    scheduler = Scheduler(max_running=1, max_waiting=9)
    for number in range(5):
        scheduler.submit(str(number), priority=number % 2)
    places = {scheduler.place(str(number)): str(number) for number in range(5)}
    assert sorted(places) == [1, 2, 3, 4, 5]
    for place in range(1, 6):
        assert admitted(scheduler) == [places[place]]
        assert scheduler.place(places[place]) == 0
        scheduler.remove(places[place])


def test_those_that_run_close_ranks():
    scheduler = Scheduler(max_running=4, max_waiting=0)
    for name in "abcd":
        scheduler.submit(name)
    scheduler.admit()
    assert scheduler.moves() == []
    scheduler.remove("a")
    scheduler.remove("c")
    assert sorted(scheduler.moves()) == [("d", 3, 0)]
    assert scheduler.running == {"b": 1, "d": 0}
    scheduler.submit("e")
    assert scheduler.admit() == [("e", 2)]


@given(st.lists(st.integers(0, 3000), max_size=20), st.integers(0, 600))
def test_tokens_are_dealt_out_fairly(pending, budget):
    parts = share(pending, budget)
    assert all(0 <= part <= want for part, want in zip(parts, pending, strict=True))
    assert sum(parts) == min(budget, sum(pending))
    unserved = [part for part, want in zip(parts, pending, strict=True) if part < want]
    if unserved:  # whoever did not get all got at least as much as anybody, but for rounding
        assert min(unserved) >= max(parts) - 1


#: Steps.
LONGEST_REPLY = 12


@settings(max_examples=3000, deadline=None)
@given(st.integers(0, 2**32))
def test_thousands_of_random_schedules(seed):
    """People come, some give up or run out of time, memory comes and goes; all end in bounds."""
    random = Random(seed)
    slots, places = random.randint(1, 4), random.randint(0, 8)
    scheduler = Scheduler(max_running=slots, max_waiting=places)
    left: dict[str, int] = {}
    arrivals = 0
    for now in range(60):
        for _ in range(random.choice((0, 0, 1, 3)) if now < 40 else 0):
            name, priority = str(arrivals), random.randint(-8, 8)
            deadline = random.choice((None, now + random.randint(1, 30)))
            try:
                scheduler.submit(
                    name,
                    priority=priority,
                    chat=random.choice((None, "a", "b")),
                    deadline_at=deadline,
                )
            except QueueFull as full:
                assert len(scheduler) == slots + places
                assert full.place == scheduler.waiting + 1
                continue
            arrivals += 1
            left[name] = random.randint(1, LONGEST_REPLY)
        for name in scheduler.expired(now):
            scheduler.remove(name)
            left.pop(name)
        if left and random.random() < 0.1:
            name = random.choice(sorted(left))
            scheduler.remove(name)
            left.pop(name)
        if random.random() < 0.05:
            scheduler.lower_limit(random.randint(1, slots))
            last = scheduler.last_admissible()
            if last is not None:
                scheduler.send_back(last)
        elif random.random() < 0.2:
            scheduler.raise_limit()
        scheduler.admit()
        scheduler.moves()
        running = scheduler.running
        assert sorted(running.values()) == list(range(len(running)))
        assert running or not left
        assert scheduler.waiting <= slots + places - len(running)
        for name in running:
            left[name] -= 1
            if left[name] == 0:
                scheduler.remove(name)
                left.pop(name)
    while left:
        scheduler.admit()
        assert scheduler.running, "somebody waits and nobody runs"
        for name in scheduler.running:
            scheduler.remove(name)
            left.pop(name)
    assert len(scheduler) == 0

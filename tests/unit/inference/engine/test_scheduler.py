"""Who runs next: bounds, order, fairness, slots."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from inference.engine.scheduler import (
    SAME_CHAT,
    URGENT,
    DuplicateRequest,
    QueueFull,
    Scheduler,
    share,
)

SLOTS, PLACES = 3, 9


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
        kept_free = 0 if priority >= URGENT else 1
        if len(self.here) >= SLOTS + PLACES - kept_free:
            with pytest.raises(QueueFull) as full:
                self.scheduler.submit(name, priority=priority, chat=chat)
            assert 1 <= full.value.place <= len(self.here) - len(self.slots) + 1
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
        assert self.scheduler.preempt(name) == self.slots.pop(name)

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
        # and behind a few more for each request that its own chat had here.
        most = 16 * self.scheduler.head_start + SAME_CHAT * (SLOTS + PLACES)
        assert all(n <= most for n in self.passed.values())

    @invariant()
    def the_place_is_the_order_in_which_they_will_run(self) -> None:
        waiting = sorted(n for n in self.here if n not in self.slots)
        places = [self.scheduler.place(name) for name in waiting]
        room = max(0, self.scheduler.limit - len(self.slots))
        assert sorted(places) == sorted(max(0, n + 1 - room) for n in range(len(waiting)))

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
    assert number <= 16 * scheduler.head_start


def test_a_step_of_priority_passes_a_quarter_only():
    scheduler = Scheduler(max_running=1, max_waiting=99)
    for number in range(scheduler.head_start + 3):
        scheduler.submit(str(number))
    scheduler.submit("distressed", priority=1)
    order = []
    while len(scheduler):
        order += admitted(scheduler)
        scheduler.remove(order[-1])
    assert order.index("distressed") == 4


@pytest.mark.parametrize("waiting", [0, 9, 200, 256])
def test_whoever_is_at_risk_is_next_however_many_wait(waiting):
    scheduler = Scheduler(max_running=1, max_waiting=256)
    scheduler.submit("runs")
    scheduler.admit()
    for number in range(waiting):
        try:
            scheduler.submit(str(number))
        except QueueFull:
            assert number == 256 - scheduler.kept_free
            break
    for number in range(scheduler.kept_free):
        scheduler.submit(f"urgent {number}", priority=URGENT)
        assert scheduler.place(f"urgent {number}") == number + 1
    scheduler.remove("runs")
    assert admitted(scheduler) == ["urgent 0"]


def test_a_full_room_tells_each_the_place_of_their_own_rank():
    scheduler = Scheduler(max_running=1, max_waiting=8)
    for number in range(9):
        scheduler.submit(str(number), priority=URGENT if number == 8 else 0)
        scheduler.admit()
    with pytest.raises(QueueFull) as full:
        scheduler.submit("calm")
    assert full.value.place == 9
    with pytest.raises(QueueFull) as full:
        scheduler.submit("urgent", priority=URGENT)
    assert full.value.place == 2


def test_those_who_run_at_the_next_step_do_not_count_as_before():
    scheduler = Scheduler(max_running=2, max_waiting=7)
    for name in "abc":
        scheduler.submit(name)
    assert [scheduler.place(name) for name in "abc"] == [0, 0, 1]


def test_whoever_writes_more_while_waiting_keeps_the_place():
    scheduler = Scheduler(max_running=1, max_waiting=9)
    scheduler.submit("runs")
    scheduler.admit()
    scheduler.submit("mine", chat="me")
    for number in range(3):
        scheduler.submit(str(number))
    scheduler.remove("mine")
    scheduler.submit("mine and more", chat="me")
    assert scheduler.place("mine and more") == 1
    scheduler.remove("runs")
    assert admitted(scheduler) == ["mine and more"]
    scheduler.submit("later", chat="me")  # the old place is used up
    assert scheduler.place("later") == 4


def test_those_that_run_stand_by_rank_also_after_one_was_sent_back():
    scheduler = Scheduler(max_running=3, max_waiting=3)
    for name in "abc":
        scheduler.submit(name)
    scheduler.admit()
    scheduler.preempt("a")
    scheduler.admit()
    assert list(scheduler.running) == ["b", "c", "a"]
    assert scheduler.running_by_rank == ["a", "b", "c"]


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
    scheduler.preempt("b")
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
    scheduler.submit("runs")
    scheduler.admit()
    for number in range(5):
        scheduler.submit(str(number), priority=number % 2)
    places = {scheduler.place(str(number)): str(number) for number in range(5)}
    assert sorted(places) == [1, 2, 3, 4, 5]
    scheduler.remove("runs")
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


def equal_parts(pending: list[int], budget: int) -> list[int]:
    """What `share` did before: the same to everybody."""
    parts = [0] * len(pending)
    order = sorted(range(len(pending)), key=lambda number: pending[number])
    for done, number in enumerate(order):
        parts[number] = min(pending[number], -(-budget // (len(order) - done)))
        budget -= parts[number]
    return parts


def first_words(deal, pending: list[int], budget: int) -> list[int]:
    """The step in which each has nothing left to prefill."""
    left, ends = list(pending), [0] * len(pending)
    for step in range(1, 100_000):
        if not any(left):
            return ends
        for number, part in enumerate(deal(left, budget)):
            left[number] -= part
            if part and not left[number]:
                ends[number] = step
    raise AssertionError("somebody never ends")


@settings(deadline=None)
@given(st.lists(st.integers(0, 3000), max_size=20), st.integers(0, 600))
def test_tokens_are_dealt_out_in_order(pending, budget):
    parts = share(pending, budget)
    assert all(0 <= part <= want for part, want in zip(parts, pending, strict=True))
    assert sum(parts) == min(budget, sum(pending))
    first = next((n for n, want in enumerate(pending) if want), None)
    if first is not None:
        assert parts[first] >= min(pending[first], budget - budget // 4)


@settings(deadline=None)
@given(st.lists(st.integers(1, 3000), min_size=1, max_size=16), st.integers(8, 512))
def test_nobody_waits_for_more_than_the_tokens_of_those_before(pending, budget):
    ends = first_words(share, pending, budget)
    before = 0
    for want, end in zip(pending, ends, strict=True):
        before += want
        assert end <= before / (budget - budget // 4) + 1
    assert max(ends) == -(-sum(pending) // budget)  # nothing is wasted: the last is no later


@settings(deadline=None)
@given(st.integers(1, 2000), st.integers(2, 16), st.integers(8, 512))
def test_equal_prompts_have_their_first_words_sooner_on_average(tokens, people, budget):
    pending = [tokens] * people
    ends, before = (first_words(deal, pending, budget) for deal in (share, equal_parts))
    assert sum(ends) <= sum(before)
    if people * tokens > 4 * budget:  # more than rounding
        assert sum(ends) < sum(before)
        assert ends[0] < before[0]


def test_a_short_message_does_not_wait_for_a_long_history():
    ends = first_words(share, [8000, 20, 30], 128)
    assert ends[1:] == [1, 2]


#: Steps.
LONGEST_REPLY = 12


@settings(max_examples=1000, deadline=None)
@given(st.integers(0, 2**32))
def test_a_thousand_random_schedules(seed):
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
                kept_free = 0 if priority >= URGENT else scheduler.kept_free
                assert len(scheduler) >= slots + places - kept_free
                assert 1 <= full.place <= scheduler.waiting + 1
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
                scheduler.preempt(last)
        elif random.random() < 0.2:
            scheduler.raise_limit()
        next_ones = {n for n in left if n not in scheduler.running and not scheduler.place(n)}
        assert {name for name, _ in scheduler.admit()} == next_ones
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

"""Silence backs off, step by step, and any answer leads back."""

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from bot.checkins.rules.backoff import ANSWERED, GOODBYE_AFTER, Backoff, Decision

START = date(2026, 1, 1)


def silent(days: int, answers: frozenset[int] = frozenset()) -> list[tuple[int, Decision]]:
    state, found = Backoff(), []
    for number in range(1, days + 1):
        day = START + timedelta(days=number - 1)
        move = state.decide(day)
        if move is Decision.SKIP:
            continue
        found.append((number, move))
        if move is Decision.GOODBYE:
            break
        state = ANSWERED if number in answers else state.asked(day)
    return found


def test_daily_then_every_third_day_then_weekly_then_goodbye() -> None:
    days = [(day, Decision.ASK) for day in (1, 2, 3, 6, 9, 12, 19, 26)]
    assert silent(60) == [*days, (33, Decision.GOODBYE)]


def test_an_answer_leads_back_to_the_start() -> None:
    assert [number for number, _ in silent(16, frozenset((12,)))] == [1, 2, 3, 6, 9, 12, 13, 14, 15]


def test_several_questions_on_one_day_are_one_silence() -> None:
    state = Backoff()
    for _ in range(3):
        assert state.decide(START) is Decision.ASK
        state = state.asked(START)
    assert state.unanswered == 1


def test_backed_off_there_is_one_question_a_day() -> None:
    state = Backoff(3, START)
    assert state.decide(START) is Decision.SKIP
    assert state.decide(START + timedelta(days=3)) is Decision.ASK


def test_whoever_wants_it_weekly_is_asked_weekly_until_the_goodbye() -> None:
    state, day = Backoff(), START
    for _ in range(GOODBYE_AFTER):
        assert state.decide(day) is Decision.ASK
        state, day = state.asked(day), day + timedelta(days=7)
    assert state.decide(day) is Decision.GOODBYE


@given(st.lists(st.booleans(), max_size=80))
def test_nobody_is_asked_more_than_eight_times_in_vain(answered: list[bool]) -> None:
    state, in_vain = Backoff(), 0
    for number, has_answered in enumerate(answered):
        day = START + timedelta(days=number)
        if state.decide(day) is not Decision.ASK:
            continue
        state, in_vain = (ANSWERED, 0) if has_answered else (state.asked(day), in_vain + 1)
        assert in_vain <= GOODBYE_AFTER

"""Whether moods fall over days, and the quiet note about it.

Knows nothing of what a person said. A falling trend is a note in the operators' queue and never
a case: no level comes of it. Falling is, of the last answers:

- the mean of the last 3 is at least 1.0 below the mean of the 7 before them, or
- the last 3 are each 1 or 2.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from bot.notices import OperatorNotices
from storage import Transaction, cases, check_in_settings, check_ins, notes
from storage.ids import PersonId

LAST, BEFORE, FALL, LOW = 3, 7, 1.0, 2
LOOKED_BACK = timedelta(days=31)
NOT_AGAIN_FOR = timedelta(days=7)


def is_falling(moods: Sequence[int]) -> bool:
    """Whether moods, oldest first, fall."""
    last = moods[-LAST:]
    if len(last) < LAST:
        return False
    if all(mood <= LOW for mood in last):
        return True
    before = moods[-LAST - BEFORE : -LAST]
    if len(before) < BEFORE:
        return False
    return sum(before) / BEFORE - sum(last) / LAST >= FALL


async def note_falling(
    transaction: Transaction, person_id: PersonId, notices: OperatorNotices, *, now: datetime
) -> bool:
    """After an answer: note a falling trend, once a week at most; whether it was noted.

    Beside an open case it is a note of that case; without one the digest tells that there is
    somebody, and not who.
    """
    settings = await check_in_settings.get(transaction, person_id, lock=True)
    if settings is None:
        return False
    today = now.astimezone(ZoneInfo(settings.zone)).date()
    if settings.fell_on is not None and abs(today - settings.fell_on) < NOT_AGAIN_FOR:
        return False
    if not is_falling([mood for _day, mood in await recent(transaction, person_id, today)]):
        return False
    case = await cases.open_case(transaction, person_id)
    if case is not None:
        await notes.add(
            transaction, case.case_id, person_id,
            operator_id=None, text=notices.text("checkin_fell"), now=now,
        )  # fmt: skip
    await check_in_settings.change(transaction, person_id, fell_on=today, fell_untold=case is None)
    return True


async def recent(
    transaction: Transaction, person_id: PersonId, today: date
) -> list[tuple[date, int]]:
    """The moods of the last month, oldest first."""
    found = await check_ins.moods(transaction, person_id, since=today - LOOKED_BACK)
    return [
        (each.local_date, each.answer.mood)
        for each in found
        if each.answer is not None and each.answer.mood is not None
    ]

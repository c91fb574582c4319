"""The trend of moods over days, and the quiet note about it.

A falling trend is a note for operators and never a case. What counts is a day, by the mean of its
answers, so that one bad day with three check-ins is one day. Moods fall if, of the last days with
an answer:

- the mean of the last 3 is at least 1.0 below the mean of the 7 before them, or
- the last 3 are each 2 or less.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from statistics import fmean
from zoneinfo import ZoneInfo

from bot.operators.announcements import OperatorMessenger
from storage import Transaction
from storage.checkins import occurrences
from storage.checkins import settings as check_in_settings
from storage.ids import PersonId
from storage.review import cases, notes

LAST, BEFORE, FALL, LOW = 3, 7, 1.0, 2
# A fall of exactly 1.0 must not be missed by a rounding error.
ROUNDING = 1e-9
LOOKED_BACK = timedelta(days=31)
NOT_AGAIN_FOR = timedelta(days=7)


def by_day(moods: Iterable[tuple[date, int]]) -> list[float]:
    """Return the mean of each local date that has an answer, oldest first."""
    days: dict[date, list[int]] = defaultdict(list)
    for day, mood in moods:
        days[day].append(mood)
    return [fmean(days[day]) for day in sorted(days)]


def is_falling(days: Sequence[float]) -> bool:
    """Return whether the moods of days, oldest first, fall."""
    last = days[-LAST:]
    if len(last) < LAST:
        return False
    if all(mood <= LOW for mood in last):
        return True
    before = days[-LAST - BEFORE : -LAST]
    if len(before) < BEFORE:
        return False
    return fmean(before) - fmean(last) >= FALL - ROUNDING


async def note_falling(
    transaction: Transaction, person_id: PersonId, messenger: OperatorMessenger
) -> bool:
    """Record a falling trend after an answer, once a week at most. Returns True if it did.

    Beside an open case it is a note of that case. Without one it stands in the console's queue
    until an operator has seen it, and the digest counts it without a name.
    """
    settings = await check_in_settings.get(transaction, person_id, lock=True)
    if settings is None:
        return False
    today = transaction.now.astimezone(ZoneInfo(settings.zone)).date()
    if settings.fell_on is not None and abs(today - settings.fell_on) < NOT_AGAIN_FOR:
        return False
    if not is_falling(by_day(await recent(transaction, person_id, today))):
        return False
    case = await cases.open_case(transaction, person_id)
    if case is not None:
        await notes.add(
            transaction,
            case.case_id,
            person_id,
            operator_id=None,
            text=messenger.text("checkin_fell"),
        )
    await check_in_settings.change(
        transaction,
        person_id,
        fell_on=today,
        fell_untold=case is None,
        fell_waits_at=transaction.now if case is None else None,
    )
    return True


async def recent(
    transaction: Transaction, person_id: PersonId, today: date
) -> list[tuple[date, int]]:
    """Return the moods of the last month, oldest first."""
    check_ins = await occurrences.moods(transaction, person_id, since=today - LOOKED_BACK)
    return [
        (check_in.local_date, check_in.answer.mood)
        for check_in in check_ins
        if check_in.answer is not None and check_in.answer.mood is not None
    ]

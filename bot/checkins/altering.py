"""Times added to, and taken from, those that are agreed.

Knows nothing of words (`reading.py`) or storage. What comes of it is asked back, never done.
"""

import itertools
from collections.abc import Sequence

from bot.checkins.reading import MOST_CHOICES, MOST_TIMES, Change, Unclear, Why
from bot.checkins.schedule import EVERY_DAY, Appointment, merged

Times = tuple[Appointment, ...]


def altered(change: Change, present: Sequence[Appointment]) -> Unclear:
    """What the times may be after a change, as choices to confirm."""
    leaving: list[Times] = [each for each in change.removed if _are_among(each, present)]
    if change.removed and not leaving:
        return Unclear(Why.UNCLEAR)
    results = [
        merged((*([] if change.is_all else _without(present, goes)), *comes))
        for goes, comes in itertools.product(leaving or [()], change.added or ((),))
    ]
    unique = tuple(each for each in dict.fromkeys(results) if each)
    if any(len(each) > MOST_TIMES for each in unique):
        return Unclear(Why.TOO_MANY)
    if not unique or len(unique) > MOST_CHOICES:
        return Unclear(Why.UNCLEAR)
    return Unclear(Why.IS_THIS, unique)


def _are_among(times: Times, present: Sequence[Appointment]) -> bool:
    return all(
        any(own.minute == each.minute and own.days & each.days for own in present) for each in times
    )


def _without(present: Sequence[Appointment], goes: Times) -> list[Appointment]:
    kept = []
    for own in present:
        days = own.days
        for each in goes:
            if each.minute == own.minute:  # no day was said: all of them
                days = days - each.days if each.days != EVERY_DAY else frozenset()
        if days:
            kept.append(Appointment(days, own.minute))
    return kept

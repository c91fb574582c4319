"""The handlers of check-ins, together, for the one list of handlers.

Knows nothing of what they do.
"""

from dataclasses import dataclass

from bot.checkins.mood_pages import MoodPages
from bot.checkins.setup import CheckInHandlers
from bot.checkins.taps import AnswerHandlers


@dataclass(frozen=True, slots=True)
class CheckInRoutes:
    """What people press and ask for.

    Attributes:
        setup: `/checkin` and its buttons.
        taps: the buttons under a check-in.
        chart: `/mood`.
    """

    setup: CheckInHandlers
    taps: AnswerHandlers
    chart: MoodPages

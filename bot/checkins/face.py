"""The handlers of check-ins for the list of routes."""

from dataclasses import dataclass

from bot.checkins.answers.handlers import AnswerHandlers
from bot.checkins.moods.handlers import MoodPages
from bot.checkins.settings.handlers import CheckInHandlers


@dataclass(frozen=True, slots=True)
class CheckInRoutes:
    """The handlers of check-ins.

    Attributes:
        setup: `/checkin` and its buttons.
        taps: the buttons under a check-in.
        chart: `/mood`.
    """

    setup: CheckInHandlers
    taps: AnswerHandlers
    chart: MoodPages

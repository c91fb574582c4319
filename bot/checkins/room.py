"""The room of the check-ins: questions at the times that a person chose, and their answers."""

from dataclasses import dataclass

from bot.checkins.answers.handlers import AnswerHandlers
from bot.checkins.answers.interceptor import CheckInInterceptor
from bot.checkins.moods.handlers import MoodPages
from bot.checkins.outgoing.evaluation import Admits, CheckInCounted
from bot.checkins.outgoing.job import CheckInJob
from bot.checkins.outgoing.recall import Recall
from bot.checkins.outgoing.scheduler import CheckInScheduler
from bot.checkins.settings.handlers import CheckInHandlers
from bot.context import Context
from bot.conversation.turn_handler import TurnHandler
from bot.crisis.room import CrisisRoom
from bot.jobs import Job
from bot.operators.announcements import OperatorMessenger
from bot.operators.room import OperatorsRoom
from bot.updates.routes import Routes, UpdateClass, joined


@dataclass(frozen=True, slots=True)
class CheckInsRoom:
    """What asks, and what takes the answers.

    Attributes:
        interceptor: takes words that answer a check-in.
        recall: the owner of check-ins that wait to be sent.
    """

    context: Context
    messenger: OperatorMessenger
    interceptor: CheckInInterceptor
    recall: Recall
    job: CheckInJob
    settings_routes: Routes

    @property
    def jobs(self) -> tuple[Job, ...]:
        """The periodic work."""
        return (Job("check_ins", self.job.run, 1.0),)

    def routes(self, turns: TurnHandler) -> Routes:
        """Return the routes. A tapped mood is answered by the conversation, like words."""
        answers = AnswerHandlers(self.context.answers, turns, self.messenger)
        moods = MoodPages(self.context.answers, self.context.settings.retention_days)
        return joined(
            [
                self.settings_routes,
                Routes(
                    commands={"mood": moods.on_mood},
                    buttons={"mood": answers.on_mood, "chart": moods.on_button},
                ),
            ]
        )


def build(
    context: Context, operators: OperatorsRoom, crisis: CrisisRoom, *, admits: Admits
) -> CheckInsRoom:
    """Build the room. `admits` says whether the companion talks with a person at all."""
    handlers = CheckInHandlers(context.answers, admits, crisis.unreadable)
    job = CheckInJob(
        rounds=CheckInScheduler(database=context.database, admits=admits), texts=context.texts
    )
    outcomes = context.metrics.check_ins

    def count(counted: CheckInCounted) -> None:
        outcomes.labels(counted.outcome).inc()

    context.database.events.subscribe(CheckInCounted, count)
    return CheckInsRoom(
        context=context,
        messenger=operators.messenger,
        interceptor=CheckInInterceptor(handlers, context.texts, crisis.fixed_reply),
        recall=Recall(admits),
        job=job,
        settings_routes=Routes(
            commands={"checkin": handlers.on_checkin},
            buttons={"ci": handlers.on_button},
            classes={UpdateClass.LOCATION: handlers.on_location},
        ),
    )

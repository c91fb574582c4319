"""The parts of a running service: its environment, its rooms and its jobs."""

from collections.abc import Mapping
from dataclasses import dataclass

from bot.checkins.room import CheckInsRoom
from bot.context import Context
from bot.conversation.room import ConversationRoom
from bot.crisis.room import CrisisRoom
from bot.delivery.relay import OutboxRelay
from bot.jobs import Job
from bot.operators.room import OperatorsRoom
from bot.receiving.room import ReceivingRoom
from bot.service.console import ConsoleRoom
from bot.service.leadership import Leadership
from bot.service.upkeep import UpkeepRoom
from inference import LanguageModel
from storage import Database


@dataclass(frozen=True, slots=True)
class Parts:
    """A service that is built but not started.

    Attributes:
        worker: the model.
        jobs: the periodic work, by name.
    """

    context: Context
    worker: LanguageModel
    leadership: Leadership
    operators: OperatorsRoom
    crisis: CrisisRoom
    check_ins: CheckInsRoom
    conversation: ConversationRoom
    receiving: ReceivingRoom
    delivery: OutboxRelay
    console: ConsoleRoom
    upkeep: UpkeepRoom
    jobs: Mapping[str, Job]

    @property
    def database(self) -> Database:
        """The database."""
        return self.context.database

"""The room that receives updates from Telegram and passes them to lanes and handlers."""

from dataclasses import dataclass

from bot.context import Context
from bot.crisis.room import CrisisRoom
from bot.crisis.safe_mode import ModelSilenced
from bot.operators.room import OperatorsRoom
from bot.receiving.dispatch import Dispatch
from bot.receiving.fallback_reply import FallbackReply
from bot.receiving.inbox_writer import InboxWriter
from bot.receiving.intake import Intake
from bot.receiving.lanes import Lanes
from bot.receiving.late_notice import LateNotice
from bot.receiving.poller import Poller
from bot.receiving.reader import UpdateReader
from storage.database.events import PersonInterrupted, UpdatesReleased

# Telegram posts several updates to a webhook at once, so they may overtake each other.
REORDER_S = 0.5


@dataclass(frozen=True, slots=True)
class ReceivingRoom:
    """The parts that receive updates."""

    lanes: Lanes
    intake: Intake
    poller: Poller


def build(context: Context, operators: OperatorsRoom, crisis: CrisisRoom) -> ReceivingRoom:
    """Build the room."""
    dispatch = Dispatch(context, operators.messenger)
    context.application.add_error_handler(dispatch.on_error)
    reader = UpdateReader(context, crisis.screener, operators.chat)
    lanes = Lanes(
        dispatch.handle,
        read_stored=reader.read_stored,
        burst_window_s=context.settings.burst_window_s,
        reorder_s=REORDER_S if context.settings.webhook_url else 0.0,
    )
    events = context.database.events
    events.subscribe(PersonInterrupted, lanes.cancel)
    events.subscribe(UpdatesReleased, lanes.on_released)
    events.subscribe(ModelSilenced, lanes.cancel_all)
    fallback_reply = FallbackReply(context, crisis.responder)
    intake = Intake(
        context,
        reader=reader,
        writer=InboxWriter(
            crisis.context_screener,
            crisis.responder,
            fallback_reply,
            LateNotice(context.texts, context.database.now()),
        ),
        fallback_reply=fallback_reply,
        lanes=lanes,
    )
    poller = Poller(
        bot=context.bot,
        receive_page=intake.receive_page,
        metrics=context.metrics,
        now=context.database.now,
    )
    return ReceivingRoom(lanes, intake, poller)

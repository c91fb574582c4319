"""The composition root, which builds the rooms and lists who answers in which order."""

from collections.abc import Mapping

from bot.checkins import room as check_ins_room
from bot.checkins.room import CheckInsRoom
from bot.context import Context
from bot.conversation import room as conversation_room
from bot.conversation.interceptors import Interceptor
from bot.conversation.room import ConversationRoom
from bot.crisis import room as crisis_room
from bot.crisis.room import CrisisRoom
from bot.delivery import room as delivery_room
from bot.delivery.owners import MessageOwner
from bot.jobs import table_of
from bot.operators import room as operators_room
from bot.operators.room import OperatorsRoom
from bot.people import room as people_room
from bot.people.room import PeopleRoom
from bot.receiving import room as receiving_room
from bot.requests import room as requests_room
from bot.requests.room import RequestsRoom
from bot.service import console as console_room
from bot.service import upkeep as upkeep_room
from bot.service.leadership import Leadership
from bot.service.parts import Parts
from bot.service.routes import register
from bot.settings import Settings
from bot.transport.rate_limit import RateLimiter
from bot.updates.routes import joined
from inference import LanguageModel
from storage import Clock, utc_now
from storage.messages.outbox import MessageKind


def build(
    settings: Settings,
    worker: LanguageModel,
    *,
    clock: Clock = utc_now,
    limiter: RateLimiter | None = None,
    every_s: Mapping[str, float] | None = None,
) -> Parts:
    """Build the service without starting it. Nothing outside the process is contacted.

    Args:
        settings: the settings, with a token.
        worker: the model. Its loader closes it.
        clock: the clock of the database, for tests.
        limiter: the limits on sending.
        every_s: other intervals of jobs, by name, for tests.
    """
    context = Context.open(settings, clock=clock, limiter=limiter)
    leadership = Leadership(context.database)
    operators = operators_room.build(context, case_link=console_room.case_link(settings))
    crisis = crisis_room.build(context, operators)
    is_demo = worker.is_demo
    people = people_room.build(context, operators, crisis, is_demo=is_demo)
    admits = people.admission.admits
    check_ins = check_ins_room.build(context, operators, crisis, admits=admits)
    requests = requests_room.build(context, operators, crisis, admits=admits, is_demo=is_demo)
    conversation = conversation_room.build(
        context,
        worker,
        crisis=crisis,
        shadow=operators.shadow,
        quota=people.quota,
        legal_notices=people.legal_notices,
        interceptors=_interceptors(crisis, people, check_ins, requests),
    )
    receiving = receiving_room.build(context, operators, crisis)
    owners = _owners(operators, crisis, check_ins, conversation)
    delivery = delivery_room.build(context, operators, owners=owners, fence=leadership.fence)
    console = console_room.build(context, operators, crisis.lexicon, leadership)
    upkeep = upkeep_room.build(context, operators)
    answering = (operators, crisis, people, requests, conversation, console)
    routes = joined([*(room.routes for room in answering), check_ins.routes(conversation.turns)])
    register(context.application, routes)
    working = (operators, crisis, check_ins, conversation, upkeep)
    return Parts(
        context=context,
        worker=worker,
        leadership=leadership,
        operators=operators,
        crisis=crisis,
        check_ins=check_ins,
        conversation=conversation,
        receiving=receiving,
        delivery=delivery,
        console=console,
        upkeep=upkeep,
        jobs=table_of((job for room in working for job in room.jobs), every_s or {}),
    )


def _owners(
    operators: OperatorsRoom,
    crisis: CrisisRoom,
    check_ins: CheckInsRoom,
    conversation: ConversationRoom,
) -> Mapping[MessageKind, MessageOwner]:
    """Name the owners of the messages that can become unwanted, or whose end matters."""
    return {
        MessageKind.REPLY: conversation.lost_replies,
        MessageKind.CHECK_IN: check_ins.recall,
        MessageKind.OPERATOR_REPLY: operators.feed,
        MessageKind.CONTACT: crisis.contact_alert,
    }


def _interceptors(
    crisis: CrisisRoom, people: PeopleRoom, check_ins: CheckInsRoom, requests: RequestsRoom
) -> tuple[Interceptor, ...]:
    """List who may answer a message: the first that takes it, or else the model."""
    return (
        crisis.interceptors.reply,
        crisis.interceptors.takeover,
        requests.interceptor,
        crisis.interceptors.hold,
        crisis.interceptors.question_closer,
        people.admission,
        crisis.interceptors.safety_plan,
        crisis.interceptors.contact_name,
        check_ins.interceptor,
        crisis.interceptors.other_language,
        people.onboarding,
        crisis.interceptors.safe_mode,
        people.quota,
    )

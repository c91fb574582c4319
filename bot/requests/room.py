"""The room of the requests: true answers without the model."""

from dataclasses import dataclass

from bot.checkins.outgoing.evaluation import Admits
from bot.context import Context
from bot.crisis.room import CrisisRoom
from bot.operators.room import OperatorsRoom
from bot.requests.answers import RequestAnswers
from bot.requests.handlers import RequestHandlers
from bot.requests.interceptor import RequestInterceptor
from bot.updates.routes import Routes
from review.cases.human_requests import HumanRequests
from safety.screening.requests import request_rules


@dataclass(frozen=True, slots=True)
class RequestsRoom:
    """The parts that answer requests."""

    interceptor: RequestInterceptor
    routes: Routes


def build(
    context: Context,
    operators: OperatorsRoom,
    crisis: CrisisRoom,
    *,
    admits: Admits,
    is_demo: bool,
) -> RequestsRoom:
    """Build the room.

    Args:
        context: the environment.
        operators: the operators whom a person can ask for.
        crisis: stores and sends reviewed texts.
        admits: whether the companion talks with a person.
        is_demo: whether the model is a demo.
    """
    request_rules()  # compiled now, not with the first message
    answers = RequestAnswers(
        texts=context.texts,
        help_lines=context.help_lines,
        humans=HumanRequests(operators.desk, has_chat=operators.messenger.has_readers),
        days=context.settings.retention_days,
        is_demo=is_demo,
    )
    handlers = RequestHandlers(context, answers)
    return RequestsRoom(
        interceptor=RequestInterceptor(answers, crisis.fixed_reply, admits),
        routes=Routes(
            commands={"human": handlers.on_human, "sos": handlers.on_sos},
            buttons={"ask": handlers.on_ask},
        ),
    )

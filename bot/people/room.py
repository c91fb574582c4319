"""The room of the people: whom the companion talks with, how much, and what they ask for."""

from dataclasses import dataclass

from bot.context import Context
from bot.conversation.legal_notices import LegalNotices
from bot.conversation.quota import Quota
from bot.crisis.room import CrisisRoom
from bot.operators.room import OperatorsRoom
from bot.people.admission import Admission
from bot.people.commands import Commands
from bot.people.data_rights import DataRightsHandlers
from bot.people.erasure import Erasure
from bot.people.leaving import StopHandler
from bot.people.onboarding import ButtonHandlers, Onboarding
from bot.people.safety_page import SafetyPage
from bot.updates.routes import Routes, UpdateClass, joined
from safety.response.legal_duties import Duties


@dataclass(frozen=True, slots=True)
class PeopleRoom:
    """What decides whether the companion talks with a person.

    Attributes:
        quota: how often the model answers a person in a day.
        legal_notices: what the law has the companion tell them.
    """

    admission: Admission
    onboarding: Onboarding
    quota: Quota
    legal_notices: LegalNotices
    routes: Routes


def build(
    context: Context, operators: OperatorsRoom, crisis: CrisisRoom, *, is_demo: bool
) -> PeopleRoom:
    """Build the room. `is_demo` tells people that the model is a demo."""
    duties = Duties.load()
    legal_notices = LegalNotices(context.texts, duties)
    erasure = Erasure(
        texts=context.texts,
        help_lines=context.help_lines,
        messenger=operators.messenger,
        contacts=crisis.contact_side,
    )
    admission = Admission(context, crisis.responder, erasure)
    onboarding = Onboarding(context, erasure=erasure, duties=legal_notices, warns_of_demo=is_demo)
    safety_page = SafetyPage(
        answers=context.answers,
        hotlines=context.hotlines,
        duties=duties,
        screener=crisis.screener,
        has_people=operators.messenger.has_readers,
    )
    commands = Commands(
        context,
        onboarding=onboarding,
        gate=admission,
        operators_chat=operators.chat,
        contact_side=crisis.contact_side,
        contact_alert=crisis.contact_alert,
    )
    return PeopleRoom(
        admission=admission,
        onboarding=onboarding,
        quota=Quota(context.texts, crisis.fixed_reply, context.settings.daily_quota),
        legal_notices=legal_notices,
        routes=joined(
            [
                Routes(
                    commands={"safety": safety_page.on_safety},
                    classes={UpdateClass.EVERY: admission.on_update},
                ),
                _of_commands(commands),
                _of_leaving(StopHandler(context, admission, crisis.contact_side)),
                _of_buttons(ButtonHandlers(context, onboarding)),
                _of_rights(DataRightsHandlers(context, onboarding, erasure)),
            ]
        ),
    )


def _of_commands(commands: Commands) -> Routes:
    return Routes(
        commands={
            "start": commands.on_start,
            "help": commands.on_help,
            "privacy": commands.on_privacy,
            "new": commands.on_new,
            "language": commands.on_language,
        },
        classes={
            UpdateClass.UNKNOWN_COMMAND: commands.on_unknown,
            UpdateClass.EDITED_COMMAND: commands.on_edited,
            UpdateClass.MEMBERSHIP: commands.on_membership,
            UpdateClass.OTHER: commands.on_other,
        },
    )


def _of_leaving(leaving: StopHandler) -> Routes:
    return Routes(commands={"stop": leaving.on_stop}, classes={UpdateClass.STOP: leaving.on_stop})


def _of_buttons(buttons: ButtonHandlers) -> Routes:
    return Routes(
        buttons={
            "start": buttons.on_start,
            "consent": buttons.on_consent,
            "age": buttons.on_age,
            "region": buttons.on_region,
            "lang": buttons.on_lang,
        },
        classes={UpdateClass.OLD_BUTTON: buttons.on_old},
    )


def _of_rights(rights: DataRightsHandlers) -> Routes:
    return Routes(
        commands={
            "memory": rights.on_memory,
            "export": rights.on_export,
            "offrecord": rights.on_offrecord,
            "forget": rights.on_forget,
        },
        buttons={
            "training": rights.on_training,
            "offrecord": rights.on_offrecord_button,
            "forget": rights.on_forget_button,
        },
    )

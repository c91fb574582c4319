"""Handlers for people's rights to their data: /memory, /export, /offrecord and /forget."""

import json
from datetime import datetime, timedelta

from telegram import Update

from bot.checkins.moods.export import check_ins_of
from bot.context import Context
from bot.people.erasure import Erasure
from bot.people.onboarding import Onboarding
from bot.updates.local_time import local_day, local_of
from bot.updates.responder import HandlerContext, UnitOfWork, choice_of
from safety.response.safety_plan import STEPS
from storage.checkins import occurrences
from storage.companion import (
    conversations,
    follow_ups,
    local_zones,
    people,
    plans,
    script_answers,
    transcripts,
    trusted_contacts,
)
from storage.companion.conversations import Turn
from storage.companion.people import Person
from storage.ids import TurnId
from storage.messages.body import Document, MessageBody
from storage.review import cases

TURNS_A_FILE = 20_000
OFF_RECORD_HOURS = ("1", "24")


class DataRightsHandlers:
    """Handle /memory, /export, /offrecord, /forget and their buttons."""

    def __init__(self, context: Context, onboarding: Onboarding, erasure: Erasure) -> None:
        self._answers = context.answers
        self._onboarding = onboarding
        self._erasure = erasure
        self._days = context.settings.retention_days

    async def on_memory(self, update: Update, _context: HandlerContext) -> None:
        """Answer `/memory`: what is kept about this person, and why."""
        async with self._answers.open(update, "memory") as answering:
            if answering:
                await answering.say(await self._memory(answering))

    async def _memory(self, answering: UnitOfWork) -> MessageBody:
        person = answering.person
        extent = await transcripts.extent(answering.transaction, person.person_id)
        known = await cases.of_person(answering.transaction, person.person_id)
        answered = await occurrences.moods(answering.transaction, person.person_id)
        moods = sum(1 for check_in in answered if check_in.answer and check_in.answer.mood)
        contact = await trusted_contacts.of_person(answering.transaction, person.person_id)
        zone = await local_zones.zone_of(answering.transaction, person)
        trains = person.training_consent_at is not None
        shadowed = person.shadow_consent_at is not None
        text = answering.text(
            "memory",
            turns=extent.turns,
            since=local_day(extent.first_at, zone) or "–",
            days=self._days,
            language=answering.text(f"language_{person.language}"),
            age=answering.text(f"age_{person.age_band}") if person.age_band else "–",
            region=answering.text(f"region_{person.region or 'none'}"),
            agreed=local_day(person.consent_at, zone) or "–",
            cases=len(known),
            moods=moods,
            in_words=len(answered) - moods,
            plan=await self._plan_length(answering),
            contact=contact.called if contact and contact.called else "–",
            off_record=extent.off_record,
            training=answering.text("training_on" if trains else "training_off"),
            shadow=answering.text("shadow_is_on" if shadowed else "shadow_is_off"),
        )
        change = "training_stop" if trains else "training_allow"
        button = (answering.text(change), "training:off" if trains else "training:on")
        buttons = [[button]]
        if shadowed:
            buttons.append([(answering.text("shadow_stop"), "shadow:off")])
        return MessageBody(text, buttons if person.has_consented else [])

    @staticmethod
    async def _plan_length(answering: UnitOfWork) -> int:
        plan = await plans.get(answering.transaction, answering.person.person_id)
        return sum(map(len, plan.items.values())) if plan else 0

    async def on_training(self, update: Update, _context: HandlerContext) -> None:
        """Allow or stop the use of a person's words to improve the model (default: off)."""
        choice = choice_of(update, ("on", "off"))
        async with self._answers.open(update, "training") as answering:
            if answering is None or choice is None or not answering.person.has_consented:
                return
            await people.change(
                answering.transaction,
                answering.person.person_id,
                training_consent_at=answering.transaction.now if choice == "on" else None,
            )
            await answering.say_text("training_set_on" if choice == "on" else "training_set_off")

    async def on_export(self, update: Update, _context: HandlerContext) -> None:
        """Answer `/export`: send everything that is kept about this person as JSON files."""
        async with self._answers.open(update, "export") as answering:
            if answering is None:
                return
            last: TurnId | None = None
            number = 1
            while True:
                turns = await transcripts.history(
                    answering.transaction,
                    answering.person.person_id,
                    after=last,
                    limit=TURNS_A_FILE,
                    off_record=False,
                )
                if not turns and last is not None:
                    return
                await answering.say(await self._file(answering, turns, number))
                if len(turns) < TURNS_A_FILE:
                    return
                last, number = turns[-1].turn_id, number + 1

    async def _file(self, answering: UnitOfWork, turns: list[Turn], number: int) -> MessageBody:
        person = answering.person
        known = await cases.of_person(answering.transaction, person.person_id)
        content = {
            "made_at": answering.transaction.now.isoformat(),
            "file": number,
            "you": _about(person),
            "turns": [
                {"at": turn.created_at.isoformat(), "who": turn.role, "words": turn.text}
                for turn in turns
            ],
            "cases": [
                {"opened_at": case.opened_at.isoformat(), "level": case.level, "state": case.state}
                for case in known
            ],
            "asked_again_at": _iso(
                await follow_ups.due_at(answering.transaction, person.person_id)
            ),
            "script_answers": await self._script_answers(answering) if number == 1 else [],
            "check_ins": await check_ins_of(answering.transaction, person.person_id)
            if number == 1
            else {},
            "safety_plan": await self._plan_of(answering) if number == 1 else {},
            "trusted_contacts": await _contacts_of(answering) if number == 1 else {},
        }
        name = f"pica-{answering.transaction.now:%Y%m%d}-{number}.json"
        return MessageBody(
            answering.text("export_caption", turns=len(turns)),
            document=Document(name, json.dumps(content, ensure_ascii=False, indent=1)),
        )

    @staticmethod
    async def _script_answers(answering: UnitOfWork) -> list[dict[str, str]]:
        rows = await script_answers.of_person(answering.transaction, answering.person.person_id)
        return [
            {"at": row.answered_at.isoformat(), "question": row.question, "answer": row.answer}
            for row in rows
        ]

    async def _plan_of(self, answering: UnitOfWork) -> dict[str, list[str]]:
        plan = await plans.get(answering.transaction, answering.person.person_id)
        if plan is None:
            return {}
        return {
            answering.text(f"plan_{step}"): plan.items[step]
            for step in STEPS
            if plan.items.get(step)
        }

    async def on_offrecord(self, update: Update, _context: HandlerContext) -> None:
        """Answer `/offrecord`: offer to start, or to end if it is on."""
        async with self._answers.open(update, "offrecord") as answering:
            if answering is None:
                return
            person = answering.person
            if person.is_off_record(answering.transaction.now):
                text = await _is_on(answering)
                buttons = [[(answering.text("offrecord_end"), "offrecord:end")]]
            else:
                text = answering.text("offrecord_ask")
                buttons = [
                    [
                        (answering.text(f"offrecord_{hours}"), f"offrecord:{hours}")
                        for hours in OFF_RECORD_HOURS
                    ]
                ]
            await answering.say(MessageBody(text, buttons))

    async def on_offrecord_button(self, update: Update, _context: HandlerContext) -> None:
        """Go off the record, or end it and delete what was said."""
        choice = choice_of(update, (*OFF_RECORD_HOURS, "end"))
        async with self._answers.open(update, "offrecord") as answering:
            if answering is None or choice is None or not answering.person.has_consented:
                return
            person, now = answering.person, answering.transaction.now
            if choice == "end" or person.was_off_record(now):  # delete an expired period first
                await conversations.end_off_record(answering.transaction, person.person_id)
            if choice == "end":
                text = answering.text("offrecord_ended")
            elif person.is_off_record(now):  # do not postpone a promised deletion
                text = await _is_on(answering)
            else:
                until = now + timedelta(hours=int(choice))
                await people.change(
                    answering.transaction, person.person_id, off_record_until_at=until
                )
                local_until = await local_of(answering.transaction, person, until)
                text = answering.text("offrecord_begun", until=local_until)
            await answering.say(MessageBody(text))

    async def on_forget(self, update: Update, _context: HandlerContext) -> None:
        """Answer `/forget` by asking once more."""
        async with self._answers.open(update, "forget") as answering:
            if answering:
                await answering.say(self._onboarding.forget_body(answering.person.language))

    async def on_forget_button(self, update: Update, _context: HandlerContext) -> None:
        """Erase the person, or leave everything as it is."""
        choice = choice_of(update, ("yes", "no"))
        async with self._answers.open(update, "forget") as answering:
            if answering is None:
                return
            if choice == "yes":
                await self._erasure.forget(answering.transaction, answering.person)
            elif choice == "no":
                await answering.say_text("forget_kept")


def _about(person: Person) -> dict[str, str | None]:
    return {
        "language": person.language,
        "age_band": person.age_band,
        "region": person.region,
        "first_seen_at": person.created_at.isoformat(),
        "agreed_at": _iso(person.consent_at),
        "training_agreed_at": _iso(person.training_consent_at),
        "telegram_id": str(person.telegram_id),
    }


def _iso(at: datetime | None) -> str | None:
    return at.isoformat() if at else None


async def _is_on(answering: UnitOfWork) -> str:
    until = answering.person.off_record_until_at
    local_until = await local_of(answering.transaction, answering.person, until)
    return answering.text("offrecord_is_on", until=local_until)


async def _contacts_of(answering: UnitOfWork) -> dict[str, object]:
    """Return both sides: the person's own contact, and whose contact they are."""
    transaction, person_id = answering.transaction, answering.person.person_id
    own = await trusted_contacts.of_person(transaction, person_id)
    return {
        "yours": {
            "called": own.called,
            "your_name": own.shown_name,
            "state": own.state,
            "agreed_at": _iso(own.agreed_at),
            "told_at": _iso(own.told_at),
            "told_by_itself": own.is_automatic,
        }
        if own
        else None,
        "you_are_contact_of": [
            {"name": contact.shown_name, "agreed_at": _iso(contact.agreed_at)}
            for contact in await trusted_contacts.of_contact(transaction, person_id)
        ],
    }

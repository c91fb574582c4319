"""Safety plans, which people write with buttons and their own text.

The open step is stored with the plan, so that a restart continues there.
"""

from telegram import Update

from bot.crisis.contact_setup import SHOW
from bot.texts.help_lines import HelpLines
from bot.updates.responder import HandlerContext, Responder, UnitOfWork, data_of
from bot.updates.utterance import Utterance
from review.cases import records as review
from safety.response.safety_plan import LONGEST_ITEM, MOST_ITEMS, STEPS
from safety.screening.answers import Answer, read
from safety.screening.levels import Level
from safety.text.normalise import normalise
from storage import Transaction
from storage.companion import contact_links, plans
from storage.companion.open_questions import STAYS_OPEN
from storage.companion.people import Person
from storage.companion.plans import Plan
from storage.ids import UpdateId
from storage.messages import inbox, outbox
from storage.messages.body import MessageBody
from storage.messages.inbox import Ended
from storage.review import safety_counts
from storage.review.safety_counts import SafetyEvent

LINES = 3
# A step waits this long for text. Later messages are for the companion again.
# The buttons of the open step.
STEP_BUTTONS = ("next", "clear", "end")


class SafetyPlans:
    """Handles `/plan` and its buttons, and adds people's messages to the open step."""

    def __init__(self, answers: Responder, help_lines: HelpLines) -> None:
        self._answers = answers
        self._texts = answers.texts
        self._help_lines = help_lines

    async def on_plan(self, update: Update, _context: HandlerContext) -> None:
        """Show the plan, or offer to begin one."""
        async with self._answers.open(update, "plan") as uow:
            if uow is None:
                return
            if not uow.person.has_consented:
                text = self._texts(uow.person.language, "plan_needs_consent")
                await uow.say(MessageBody(text))
                return
            plan = await plans.get(uow.transaction, uow.person.person_id)
            await uow.say(self._overview(uow.person, plan))

    async def on_plan_button(self, update: Update, _context: HandlerContext) -> None:
        """Handle the buttons begin, add (a suggestion), next, clear, end and delete."""
        button, _, rest = data_of(update).partition(":")
        async with self._answers.open(update, "plan") as uow:
            if uow is None or not uow.person.has_consented:
                return
            person_id = uow.person.person_id
            plan = await plans.get(uow.transaction, person_id)
            if button == "delete":
                await uow.say(self._ask_deletion(uow.person))
            elif button == "delete_yes":
                gone = await plans.delete_plan(uow.transaction, person_id)
                key = "plan_deleted" if gone else "plan_none"
                await uow.say(MessageBody(self._texts(uow.person.language, key)))
            elif not await _is_late(uow, UpdateId(update.update_id)):
                await self._change(uow, plan, button, rest)

    async def _change(self, uow: UnitOfWork, plan: Plan | None, button: str, rest: str) -> None:
        if button in STEP_BUTTONS and (plan is None or plan.open_step is None):
            await uow.say(self._overview(uow.person, plan))  # it was closed meanwhile
            return
        if plan is None:
            plan = Plan()
            await safety_counts.add(uow.transaction, SafetyEvent.PLAN)
        if button == "begin":
            plan.open_step = 0
        elif button == "add":
            added = self._add_option(uow.person, plan, rest)
            if not added:
                return
        elif button in STEP_BUTTONS:
            _apply(plan, button)
        else:
            return
        await contact_links.close_step(uow.transaction, uow.person.person_id)
        await plans.put(uow.transaction, uow.person.person_id, plan)
        await uow.say(self._present(uow.person, plan))

    def _add_option(self, person: Person, plan: Plan, rest: str) -> bool:
        """Add a suggestion to its step, and return False if this version does not have it."""
        step, _, number = rest.partition(":")
        options = self._options(person, step) if step in STEPS else []
        if not number.isdecimal() or int(number) >= len(options):
            return False
        _add_item(plan, step, options[int(number)])
        plan.open_step = STEPS.index(step)
        return True

    async def intercept(self, transaction: Transaction, utterance: Utterance) -> bool:
        """Add a person's text to the open step of their plan.

        Returns:
            False if no step is open, or if the text asks for an answer. That is a risk, anger, a
            bare "yes", or the edit of an older message.
        """
        person, text = utterance.person, utterance.text
        if not utterance.is_typed or not utterance.is_new or utterance.is_edit:
            return False
        at_risk = utterance.screening.level >= Level.PASSIVE
        if at_risk or read(normalise(text).surface).answer is not Answer.OTHER:
            return False
        open_since = transaction.now - STAYS_OPEN
        plan = await plans.get(transaction, person.person_id, open_since=open_since)
        if plan is None or plan.open_step is None:
            return False
        step = STEPS[plan.open_step]
        for line in text.splitlines():
            if line.strip():
                _add_item(plan, step, line.strip()[:LONGEST_ITEM])
        await plans.put(transaction, person.person_id, plan)
        await outbox.put(
            transaction,
            outbox.MessageKind.NOTICE,
            self._present(person, plan),
            person_id=person.person_id,
            update_id=max(utterance.update_ids),
        )
        await inbox.end(transaction, utterance.update_ids, Ended.ANSWERED, reason="plan")
        return True

    def _present(self, person: Person, plan: Plan) -> MessageBody:
        """Return the open step, or the whole plan if no step is open."""
        if plan.open_step is None:
            return self._overview(person, plan)
        step, language = STEPS[plan.open_step], person.language
        written = plan.items.get(step, [])
        text = self._texts(
            language,
            "plan_step",
            number=plan.open_step + 1,
            steps=len(STEPS),
            title=self._texts(language, f"plan_{step}"),
            question=self._texts(language, f"plan_{step}_asks"),
        )
        text += "".join(f"\n· {item}" for item in written)
        options = [
            (option, f"plan:add:{step}:{number}")
            for number, option in enumerate(self._options(person, step))
            if option not in written
        ]
        rows = [options[first : first + 2] for first in range(0, len(options), 2)]
        last = plan.open_step + 1 == len(STEPS)
        rows.append([(self._texts(language, "plan_finish" if last else "plan_next"), "plan:next")])
        if written:
            rows.append([(self._texts(language, "plan_clear"), "plan:clear")])
        if not last:
            rows.append([(self._texts(language, "plan_end"), "plan:end")])
        return MessageBody(text, rows)

    def _options(self, person: Person, step: str) -> list[str]:
        options = self._texts(person.language, f"plan_{step}_options").splitlines()
        if step == "professionals":
            lines = self._help_lines.text(person.language, person.region, most=LINES)
            options = [*lines.splitlines(), *options]
        return options

    def _overview(self, person: Person, plan: Plan | None) -> MessageBody:
        language = person.language
        contact = [(self._texts(language, "contact_button"), SHOW)]
        if plan is None or plan.is_empty:
            begin = [(self._texts(language, "plan_begin"), "plan:begin")]
            return MessageBody(self._texts(language, "plan_none"), [begin, contact])
        parts = [self._texts(language, "plan_head")]
        for step in STEPS:
            if items := plan.items.get(step):
                title = self._texts(language, f"plan_{step}")
                parts.append("\n".join([title, *(f"· {item}" for item in items)]))
        parts.append(self._texts(language, "plan_foot"))
        change = (self._texts(language, "plan_change"), "plan:begin")
        delete = (self._texts(language, "plan_delete"), "plan:delete")
        return MessageBody("\n\n".join(parts), [[change, delete], contact])

    def _ask_deletion(self, person: Person) -> MessageBody:
        yes = (self._texts(person.language, "plan_delete_yes"), "plan:delete_yes")
        return MessageBody(self._texts(person.language, "plan_delete_ask"), [[yes]])


async def _is_late(uow: UnitOfWork, update_id: UpdateId) -> bool:
    """Return whether a message at risk came after the press, which is then answered instead."""
    case = await review.case_on_hold(uow.transaction, uow.person.person_id)
    pressed_at = await inbox.received_at(uow.transaction, update_id)
    return case is not None and pressed_at is not None and pressed_at < case.last_risk_at


def _add_item(plan: Plan, step: str, item: str) -> None:
    items = plan.items.setdefault(step, [])
    if item not in items and len(items) < MOST_ITEMS:
        items.append(item)


def _apply(plan: Plan, button: str) -> None:
    """Clear the open step, go on to the next one, or close the plan."""
    assert plan.open_step is not None
    if button == "clear":
        plan.items[STEPS[plan.open_step]] = []
    elif button == "next" and plan.open_step + 1 < len(STEPS):
        plan.open_step += 1
    else:
        plan.open_step = None

"""A person's safety plan, made by buttons and in their own words; theirs to keep and delete.

The plan's open step is kept with it, so that a restart goes on where it stood.
"""

from datetime import timedelta

from telegram import Update

from bot.texts.help_lines import HelpLines
from bot.updates.responder import HandlerContext, Responder, UnitOfWork, data_of
from bot.updates.utterance import Utterance
from review.cases import records as review
from safety.response.safety_plan import LONGEST_ITEM, MOST_ITEMS, STEPS
from safety.screening.answers import Answer, read
from safety.screening.levels import Level
from safety.text.normalise import normalise
from storage import Transaction
from storage.companion import plans
from storage.companion.people import Person
from storage.companion.plans import Plan
from storage.ids import UpdateId
from storage.messages import inbox, outbox
from storage.messages.body import MessageBody
from storage.messages.inbox import Ended
from storage.review import safety_counts
from storage.review.safety_counts import SafetyEvent

LINES = 3
STAYS_OPEN = timedelta(minutes=30)
"""How long a step waits for words: later ones are meant for the companion again."""


WITHIN = ("next", "clear", "end")
"""Buttons that act on the open step."""


class SafetyPlans:
    """The handlers, and the one place where words become part of a plan."""

    def __init__(self, answers: Responder, help_lines: HelpLines) -> None:
        self._answers = answers
        self._texts = answers.texts
        self._help_lines = help_lines

    async def on_plan(self, update: Update, _context: HandlerContext) -> None:
        """`/plan`: the plan as it is, or the offer to begin."""
        async with self._answers.open(update, "plan") as answering:
            if answering is None:
                return
            if not answering.person.has_consented:
                text = self._texts(answering.person.language, "plan_needs_consent")
                await answering.say(MessageBody(text))
                return
            plan = await plans.get(answering.transaction, answering.person.person_id)
            await answering.say(self._overview(answering.person, plan))

    async def on_plan_button(self, update: Update, _context: HandlerContext) -> None:
        """A button of the plan: begin, add (a step's suggestion), next, clear, end, delete."""
        act, _, rest = data_of(update).partition(":")
        async with self._answers.open(update, "plan") as answering:
            if answering is None or not answering.person.has_consented:
                return
            person_id = answering.person.person_id
            plan = await plans.get(answering.transaction, person_id)
            if act == "delete":
                await answering.say(self._ask_deletion(answering.person))
            elif act == "delete_yes":
                gone = await plans.delete_plan(answering.transaction, person_id)
                key = "plan_deleted" if gone else "plan_none"
                await answering.say(MessageBody(self._texts(answering.person.language, key)))
            elif not await _is_late(answering, UpdateId(update.update_id)):
                await self._change(answering, plan, act, rest)

    async def _change(self, answering: UnitOfWork, plan: Plan | None, act: str, rest: str) -> None:
        if act in WITHIN and (plan is None or plan.open_step is None):
            await answering.say(self._overview(answering.person, plan))  # it was closed meanwhile
            return
        if plan is None:
            plan = Plan()
            await safety_counts.add(answering.transaction, SafetyEvent.PLAN)
        if act == "begin":
            plan.open_step = 0
        elif act == "add":
            added = self._add_option(answering.person, plan, rest)
            if not added:
                return
        elif act in WITHIN:
            _go_on(plan, act)
        else:
            return
        await plans.put(answering.transaction, answering.person.person_id, plan)
        await answering.say(self._present(answering.person, plan))

    def _add_option(self, person: Person, plan: Plan, rest: str) -> bool:
        """Put a suggestion into its step; False for one of an older version."""
        step, _, number = rest.partition(":")
        options = self._options(person, step) if step in STEPS else []
        if not number.isdecimal() or int(number) >= len(options):
            return False
        _put_down(plan, step, options[int(number)])
        plan.open_step = STEPS.index(step)
        return True

    async def intercept(self, transaction: Transaction, utterance: Utterance) -> bool:
        """Put a person's words into the open step of their plan.

        Returns:
            False where none is open, and for words that want to be heard and not put down: of
            a risk, of anger, a bare yes, an older message in other words.
        """
        person, text = utterance.person, utterance.text
        if not utterance.is_typed or not utterance.is_new or utterance.is_edit:
            return False
        at_risk = utterance.screening.level >= Level.PASSIVE
        if at_risk or read(normalise(text).surface) is not Answer.OTHER:
            return False
        open_since = transaction.now - STAYS_OPEN
        plan = await plans.get(transaction, person.person_id, open_since=open_since)
        if plan is None or plan.open_step is None:
            return False
        step = STEPS[plan.open_step]
        for line in text.splitlines():
            if line.strip():
                _put_down(plan, step, line.strip()[:LONGEST_ITEM])
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
        """The open step, or the whole plan where none is open."""
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
        rows = [options[place : place + 2] for place in range(0, len(options), 2)]
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
        if plan is None or plan.is_empty:
            begin = [[(self._texts(language, "plan_begin"), "plan:begin")]]
            return MessageBody(self._texts(language, "plan_none"), begin)
        parts = [self._texts(language, "plan_head")]
        for step in STEPS:
            if items := plan.items.get(step):
                title = self._texts(language, f"plan_{step}")
                parts.append("\n".join([title, *(f"· {item}" for item in items)]))
        parts.append(self._texts(language, "plan_foot"))
        change = (self._texts(language, "plan_change"), "plan:begin")
        delete = (self._texts(language, "plan_delete"), "plan:delete")
        return MessageBody("\n\n".join(parts), [[change, delete]])

    def _ask_deletion(self, person: Person) -> MessageBody:
        yes = (self._texts(person.language, "plan_delete_yes"), "plan:delete_yes")
        return MessageBody(self._texts(person.language, "plan_delete_ask"), [[yes]])


async def _is_late(a: UnitOfWork, update_id: UpdateId) -> bool:
    """Whether words at risk came after this press: then they are what is answered."""
    case = await review.case_on_hold(a.transaction, a.person.person_id)
    pressed_at = await inbox.received_at(a.transaction, update_id)
    return case is not None and pressed_at is not None and pressed_at < case.last_risk_at


def _put_down(plan: Plan, step: str, item: str) -> None:
    items = plan.items.setdefault(step, [])
    if item not in items and len(items) < MOST_ITEMS:
        items.append(item)


def _go_on(plan: Plan, act: str) -> None:
    """Empty the open step, or leave it for the next one or for none."""
    assert plan.open_step is not None
    if act == "clear":
        plan.items[STEPS[plan.open_step]] = []
    elif act == "next" and plan.open_step + 1 < len(STEPS):
        plan.open_step += 1
    else:
        plan.open_step = None

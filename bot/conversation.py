"""One turn: words -> rounds -> prompt -> model -> guard -> outbox.

Knows nothing of how words arrive or how a reply is sent. No transaction is open
while the model writes; the turn's own last transaction ends its inbox rows.
"""

import re
import time
from collections.abc import Callable, Sequence
from contextlib import aclosing
from datetime import datetime

import structlog
from telegram import Bot

from bot.crisis import Crisis
from bot.drafts import Draft
from bot.lanes import Burst
from bot.metrics import Metrics
from bot.onboarding import Onboarding
from bot.pacing import Pacer
from bot.prompting import PERSONA, fit, neutralise
from bot.texts import Texts
from inference import GenerationError, GenerationRequest, InferenceWorker
from review import cases as review
from safety.guard import Guard, strip_artefacts
from safety.policy import respond
from safety.screen import Screener, Screening, merge
from storage import Database, conversations, inbox, outbox, people
from storage.conversations import Turn
from storage.hot import HotStore, Rounds
from storage.ids import PersonId, UpdateId
from storage.inbox import Ended
from storage.outbox import Body
from storage.people import Person

log = structlog.get_logger(__name__)
MOST_ROUNDS = 60
SENTENCE = re.compile(r"[^。！？!?\n]*[。！？!?\n]+[”’」』）)]*")


class Conversation:
    """The companion's side of a talk."""

    def __init__(
        self,
        *,
        database: Database,
        hot: HotStore,
        worker: InferenceWorker,
        bot: Bot,
        pacer: Pacer,
        screener: Screener,
        guard: Guard,
        crisis: Crisis,
        onboarding: Onboarding,
        texts: Texts,
        metrics: Metrics,
        streaming: str,
        persona: bool,
        max_new_tokens: int,
        wake: Callable[[], None],
        now: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._hot = hot
        self._worker = worker
        self._bot = bot
        self._pacer = pacer
        self._screener = screener
        self._guard = guard
        self._crisis = crisis
        self._onboarding = onboarding
        self._texts = texts
        self._metrics = metrics
        self._streaming = streaming
        self._persona = PERSONA if persona else ""
        # A small model must leave room for the question: half of what it can hold at most.
        self._max_new_tokens = min(max_new_tokens, worker.context_length // 2)
        self._wake = wake
        self._now = now

    async def answer(self, burst: Burst) -> None:
        """Answer the words of one burst."""
        text = burst.text
        # A sentence split over several messages is seen only in the merged text.
        # A line's end parts sentences for the screener, so it is read without them too.
        whole = [self._screener.screen(text), self._screener.screen(text.replace("\n", ""))]
        screening = merge([burst.screening, *whole])
        turn = await self._begin(burst, text, screening)
        if turn is None:
            self._wake()
            return
        person, question = turn
        await self._reply(person, question, burst.update_ids, screening, burst)

    async def retry(self, person: Person, question: Turn, update_id: UpdateId) -> None:
        """Answer a turn that failed before."""
        screening = self._screener.screen(question.text)
        await self._reply(person, question, [update_id], screening, None)

    async def _begin(
        self, burst: Burst, text: str, screening: Screening
    ) -> tuple[Person, Turn] | None:
        """Store the words; None where something other than the model answers them."""
        now = self._now()
        ids = burst.update_ids
        response = respond(screening)
        async with self._database.begin() as transaction:
            open_ids = await inbox.open_among(transaction, ids)
            person = await people.by_id(transaction, burst.person_id)
            if person is None or not open_ids:
                await inbox.end(transaction, ids, Ended.IGNORED, reason="erased", now=now)
                return None
            case = await review.holding(transaction, person.person_id, now=now)
            late = burst.arrivals[-1].epoch is not None and (
                burst.arrivals[-1].epoch < person.epoch
            )
            if response is not None and response.opens_case and not (case and late):
                await self._crisis.answer(transaction, person, ids, text, screening, now=now)
                return None
            if case is not None and not late:
                await self._crisis.hold(transaction, person, case, ids, text, screening, now=now)
                return None
            if case is None and not person.has_consented:
                await self._onboarding.ask_consent(transaction, person, ids, now=now)
                return None
            turn = await conversations.open_turn(
                transaction, person.person_id, ids, text=text, level=int(screening.level), now=now
            )
            if case is not None:  # said before the fixed reply, which has answered it
                await inbox.end(transaction, ids, Ended.ANSWERED, reason="fixed_reply", now=now)
                return None
        return person, turn

    async def _reply(
        self,
        person: Person,
        question: Turn,
        update_ids: Sequence[UpdateId],
        screening: Screening,
        burst: Burst | None,
    ) -> None:
        started = time.monotonic()
        rounds = await self._rounds(question)
        draft = Draft(self._bot, self._pacer, self._streaming, person.telegram_id, question.turn_id)
        await draft.typing()
        budget = self._worker.context_length - self._max_new_tokens
        ids, kept = fit(
            self._worker.tokenizer,
            neutralise(question.text),
            [(neutralise(past), reply) for past, reply in rounds],
            persona=self._persona,
            budget=budget,
        )
        request = GenerationRequest(
            f"{question.turn_id}-{update_ids[-1]}",
            ids,
            max_new_tokens=self._max_new_tokens,
            deadline_s=300,
        )
        try:
            words = await self._write(request, draft, burst, started)
        except GenerationError as error:
            log.warning("generation_failed", reason=error.reason, permanent=error.permanent)
            await self._fail(person, question, update_ids, draft)
            return
        await self._finish(person, question, update_ids, screening, words, draft)
        await self._hot.put_rounds(
            question.session_id, [*rounds[len(rounds) - len(kept) :], (question.text, words)]
        )
        self._metrics.reply.observe(time.monotonic() - started)

    async def _write(
        self, request: GenerationRequest, draft: Draft, burst: Burst | None, started: float
    ) -> str:
        """Let the model write; every whole sentence that passes the guard may be shown."""
        text = ""
        shown = 0
        async with aclosing(self._worker.stream(request)) as deltas:  # type: ignore[type-var]
            async for delta in deltas:
                if not text:
                    self._metrics.first_word.observe(time.monotonic() - started)
                text += delta
                whole = "".join(SENTENCE.findall(text))
                clean = strip_artefacts(whole).strip()
                if len(clean) <= shown:
                    continue
                verdict = self._guard.check(clean)
                if not verdict.allowed:
                    return self._stopped(verdict.reason)
                shown = len(clean)
                if await draft.show(clean) and burst is not None:
                    burst.shown = True
        final = strip_artefacts(text).strip()
        verdict = self._guard.check(final)
        if not final:
            raise GenerationError("engine_failed", "empty reply")
        return final if verdict.allowed else self._stopped(verdict.reason)

    def _stopped(self, reason: str | None) -> str:
        self._metrics.guard_stops.labels(reason or "unknown").inc()
        return ""

    async def _finish(
        self,
        person: Person,
        question: Turn,
        update_ids: Sequence[UpdateId],
        screening: Screening,
        words: str,
        draft: Draft,
    ) -> None:
        """Write answer, end and outbox row in one transaction, unless the epoch moved on."""
        now = self._now()
        words = words or self._texts(person.language, "guard_fallback")
        sent = words
        if respond(screening) is not None:
            lines = self._crisis.lines(person)
            sent += "\n\n" + self._texts(person.language, "resources", lines=lines)
        await self._hot.drop(question.session_id)
        async with self._database.begin() as transaction:
            present = await people.by_id(transaction, person.person_id)
            if present is None or present.epoch != person.epoch:
                await inbox.end(
                    transaction, update_ids, Ended.ANSWERED, reason="superseded", now=now
                )
                return
            turn_id = await conversations.answer(
                transaction, person.person_id, question, text=words, now=now
            )
            if turn_id is not None:
                await outbox.put(
                    transaction,
                    outbox.Kind.REPLY,
                    Body(sent),
                    person_id=person.person_id,
                    epoch=person.epoch,
                    update_id=update_ids[-1],
                    turn_id=turn_id,
                    preview_message_id=draft.preview_message_id,
                    now=now,
                )
            await inbox.end(transaction, update_ids, Ended.ANSWERED, reason="reply", now=now)
        self._metrics.ends.labels(Ended.ANSWERED).inc(len(update_ids))
        self._wake()

    async def _fail(
        self, person: Person, question: Turn, update_ids: Sequence[UpdateId], draft: Draft
    ) -> None:
        """Say honestly that there is no answer, with a button to try again."""
        now = self._now()
        button = (self._texts(person.language, "retry"), f"retry:{question.turn_id}")
        async with self._database.begin() as transaction:
            await outbox.put(
                transaction,
                outbox.Kind.REPLY,
                Body(self._texts(person.language, "model_failed"), [[button]]),
                person_id=person.person_id,
                epoch=person.epoch,
                update_id=update_ids[-1],
                preview_message_id=draft.preview_message_id,
                now=now,
            )
            await inbox.end(transaction, update_ids, Ended.ANSWERED, reason="model_failed", now=now)
        self._wake()

    async def _rounds(self, question: Turn) -> Rounds:
        held = await self._hot.rounds(question.session_id)
        if held is not None:
            return held
        async with self._database.read() as transaction:
            return await conversations.recent_rounds(
                transaction, question.session_id, limit=MOST_ROUNDS
            )

    async def person(self, person_id: PersonId) -> Person | None:
        """The person as they stand now."""
        async with self._database.read() as transaction:
            return await people.by_id(transaction, person_id)

"""The model's reply to one question: rounds -> prompt -> words -> guard -> outbox.

No transaction is open while the model writes; the last one ends the turn's inbox rows.
"""

import time
from functools import partial

import structlog
from telegram import Bot

from bot.conversation.completion import Completion, PendingTurn, TurnCompleter
from bot.conversation.drafts import ReplyDraft
from bot.conversation.generation import LONGEST_S, ReplyGenerator
from bot.conversation.model_memory import SessionCacheEviction
from bot.conversation.priority import priority
from bot.conversation.prompt import CHECK_IN_QUERY, PERSONA, build_prompt, escape_template
from bot.metrics import Metrics
from bot.texts import Texts
from bot.transport.rate_limit import RateLimiter
from bot.updates.arrivals import Burst
from inference import GenerationError, GenerationRequest, LanguageModel, Sampling
from safety.response.output_guard import OutputGuard
from storage import Database
from storage.companion import conversations
from storage.companion.conversations import Turn
from storage.companion.people import Person
from storage.companion.recent_rounds import RecentRounds
from storage.messages import inbox, outbox
from storage.messages.body import MessageBody
from storage.messages.inbox import Ended
from storage.review import cases

log = structlog.get_logger(__name__)
SAMPLING = Sampling(min_new_tokens=2)  # silence is no answer


class Replier:
    """Lets the model answer."""

    def __init__(
        self,
        *,
        database: Database,
        rounds: RecentRounds,
        worker: LanguageModel,
        bot: Bot,
        pacer: RateLimiter,
        guard: OutputGuard,
        finisher: TurnCompleter,
        texts: Texts,
        metrics: Metrics,
        kept_words: SessionCacheEviction,
        streaming: str,
        persona: bool,
        max_new_tokens: int,
    ) -> None:
        self._database = database
        self._rounds = rounds
        self._worker = worker
        self._bot = bot
        self._pacer = pacer
        self._writer = ReplyGenerator(worker, guard, metrics)
        self._finisher = finisher
        self._texts = texts
        self._metrics = metrics
        self._kept_words = kept_words
        self._streaming = streaming
        self._persona = PERSONA if persona else ""
        # A small model must leave room for the question: half of what it can hold at most.
        self._max_new_tokens = min(max_new_tokens, worker.context_length // 2)

    async def reply(self, asked: PendingTurn) -> None:
        """Write a reply, or an honest word that there is none, and end the question's rows."""
        question, person = asked.question, asked.person
        started = time.monotonic()
        is_read_first, urgency = await self._look(asked)
        request, rounds, kept = await self._ask(asked, urgency)
        draft = ReplyDraft(
            self._bot,
            self._pacer,
            "off" if is_read_first else self._streaming,
            person.telegram_id,
            draft_id=question.turn_id,
            preview_message_id=question.preview_message_id,
            on_preview=lambda message_id: self._keep_preview(question, message_id),
            on_shown=partial(_mark_as_shown, asked.burst),
            waits=lambda: self._wait(person, request),
            tell=lambda text: self._tell(asked, text),
        )
        draft.begin()
        try:
            words = await self._write(asked, request, draft, started)
            if words is not None:
                await self._end(asked, words, draft, rounds, kept, started)
        finally:
            if request.conversation is not None:
                self._kept_words.note(asked.question.session_id)
            await draft.aclose()

    async def _ask(
        self, asked: PendingTurn, urgency: int
    ) -> tuple[GenerationRequest, list[tuple[str, str]], int]:
        """What is asked of the model, the rounds before, and how many of them it is shown."""
        question = asked.question
        rounds = await self._rounds.before(asked.person.person_id, question)
        ids, kept = self._prompt(question, rounds)
        request = GenerationRequest(
            f"{question.turn_id}-{asked.update_ids[-1]}",
            ids,
            max_new_tokens=self._max_new_tokens,
            sampling=SAMPLING,
            priority=urgency,
            deadline_s=LONGEST_S,
            # What is said off the record is not kept anywhere, in no cache either.
            conversation=None if question.off_record else str(question.session_id),
        )
        return request, rounds, len(kept)

    async def _write(
        self, asked: PendingTurn, request: GenerationRequest, draft: ReplyDraft, started: float
    ) -> str | None:
        """The model's words; None where it has none, which the person is then told."""
        try:
            words = await self._writer.write(request, draft, started)
        except GenerationError as error:
            log.warning("generation_failed", reason=error.reason, permanent=error.permanent)
            self._metrics.failures.labels(error.reason).inc()
            await draft.aclose()
            await self._fail(asked, draft, error)
            return None
        await draft.aclose()
        return words

    async def _end(
        self,
        asked: PendingTurn,
        words: str,
        draft: ReplyDraft,
        rounds: list[tuple[str, str]],
        kept: int,
        started: float,
    ) -> None:
        question, person = asked.question, asked.person
        is_kept_back = not words
        words = words or self._texts(person.language, "guard_fallback")
        if await self._finish(asked, words, draft, is_kept_back=is_kept_back):
            past = [*rounds[len(rounds) - kept :], (question.text, words)]
            await self._rounds.keep(person.person_id, question.session_id, past)
            asked_at = asked.burst.received_at if asked.burst else started
            self._metrics.reply.observe(time.monotonic() - asked_at)

    def _prompt(
        self, question: Turn, rounds: list[tuple[str, str]]
    ) -> tuple[tuple[int, ...], list[tuple[str, str]]]:
        return build_prompt(
            self._worker.tokenizer,
            escape_template(question.text),
            [(escape_template(past) or CHECK_IN_QUERY, reply) for past, reply in rounds],
            persona=self._persona,
            budget=self._worker.context_length - self._max_new_tokens,
        )

    async def _keep_preview(self, question: Turn, message_id: int) -> None:
        # A crash must not leave a half reply standing beside the whole one.
        async with self._database.begin() as transaction:
            await conversations.set_preview(transaction, question.turn_id, message_id)

    async def _finish(
        self, asked: PendingTurn, words: str, draft: ReplyDraft, *, is_kept_back: bool
    ) -> bool:
        """End the question; False where the model's words are not the answer (yet)."""
        await self._rounds.drop(asked.question.session_id)
        async with self._database.begin() as transaction:
            completion = await self._finisher.finish(
                transaction,
                asked,
                words,
                preview_message_id=draft.preview_message_id,
                is_kept_back=is_kept_back,
            )
            await inbox.end(transaction, asked.update_ids, Ended.ANSWERED, reason=completion)
        if completion is not Completion.SUPERSEDED:
            _mark_as_shown(asked.burst)  # it is answered: newer words are a question of their own
            self._metrics.ends.labels(Ended.ANSWERED).inc(len(asked.update_ids))
        return completion is Completion.REPLY

    async def _look(self, asked: PendingTurn) -> tuple[bool, int]:
        """Whether an operator reads the reply before it goes, and how urgent it is.

        Nothing of a reply that is read first is shown while it is written.
        """
        async with self._database.read() as transaction:
            is_read_first = await self._finisher.is_read_first(transaction, asked.person)
            case = await cases.open_case(transaction, asked.person.person_id)
        return is_read_first, priority(asked.screening.level, case)

    def _wait(self, person: Person, request: GenerationRequest) -> str:
        """A word about how many wait before; nothing where it is this person's turn."""
        place = self._writer.place(request)
        if not place:
            return ""
        if place == 1:
            return self._texts(person.language, "wait_next")
        return self._texts(person.language, "wait_place", before=place - 1)

    async def _tell(self, asked: PendingTurn, text: str) -> None:
        async with self._database.begin() as transaction:
            await outbox.put(
                transaction,
                outbox.MessageKind.NOTICE,
                MessageBody(text),
                person_id=asked.person.person_id,
                epoch=asked.person.epoch,
            )

    async def _fail(self, asked: PendingTurn, draft: ReplyDraft, error: GenerationError) -> None:
        """Say honestly that there is no answer, with a button to try again."""
        language = asked.person.language
        button = (self._texts(language, "retry"), f"retry:{asked.question.turn_id}")
        key, values = "model_failed", {}
        if error.reason == "queue_full":
            key, values = "model_busy", {"before": (error.place or 1) - 1}
        async with self._database.begin() as transaction:
            await self._finisher.regret(
                transaction,
                asked,
                self._texts(language, key, **values),
                [[button]],
                preview_message_id=draft.preview_message_id,
            )
            await inbox.end(transaction, asked.update_ids, Ended.ANSWERED, reason=key)


def _mark_as_shown(burst: Burst | None) -> None:
    if burst is not None:
        burst.shown = True

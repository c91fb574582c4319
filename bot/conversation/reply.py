"""The model's reply to one question: rounds -> prompt -> words -> guard -> outbox.

No transaction is open while the model writes; the last one ends the turn's inbox rows.
"""

import time
from functools import partial

import structlog

from bot.context import Context
from bot.conversation.completion import Completion, PendingTurn, TurnCompleter
from bot.conversation.drafts import Preview, ReplyDraft
from bot.conversation.generation import ReplyGenerator
from bot.conversation.model_memory import SessionCacheEviction
from bot.conversation.priority import priority
from bot.conversation.requests import PreparedRequest, RequestBuilder
from bot.updates.arrivals import Burst
from inference import GenerationError, GenerationRequest
from storage.companion import conversations
from storage.companion.conversations import Turn
from storage.companion.people import Person
from storage.companion.recent_rounds import RecentRounds
from storage.messages import inbox, outbox
from storage.messages.body import MessageBody
from storage.messages.inbox import Ended
from storage.review import cases

log = structlog.get_logger(__name__)


class Replier:
    """Lets the model answer.

    Args:
        context: the environment.
        requests: builds what is asked of the model.
        writer: lets the model write.
        completer: ends the question.
        rounds: the cache of rounds, which a reply changes.
        eviction: what the model keeps of the talk.
    """

    def __init__(
        self,
        context: Context,
        *,
        requests: RequestBuilder,
        writer: ReplyGenerator,
        completer: TurnCompleter,
        rounds: RecentRounds,
        eviction: SessionCacheEviction,
    ) -> None:
        self._context = context
        self._database = context.database
        self._texts = context.texts
        self._metrics = context.metrics
        self._requests = requests
        self._writer = writer
        self._completer = completer
        self._rounds = rounds
        self._eviction = eviction

    async def reply(self, pending: PendingTurn) -> None:
        """Write a reply, or an honest word that there is none, and end the question's rows."""
        started = time.monotonic()
        needs_review, urgency = await self._look(pending)
        prepared = await self._requests.request_for(pending, urgency)
        draft = self._draft(pending, prepared.request, is_hidden=needs_review)
        draft.begin()
        try:
            words = await self._write(pending, prepared.request, draft, started)
            if words is not None:
                await self._end(pending, words, draft, prepared, started)
        finally:
            if prepared.request.conversation is not None:
                self._eviction.note(pending.question.session_id)
            await draft.aclose()

    def _draft(
        self, pending: PendingTurn, request: GenerationRequest, *, is_hidden: bool
    ) -> ReplyDraft:
        question, person = pending.question, pending.person
        preview = Preview(
            self._context.bot,
            self._context.limiter,
            "off" if is_hidden else self._context.settings.streaming,
            person.telegram_id,
            draft_id=question.turn_id,
            message_id=question.preview_message_id,
            on_begun=partial(self._keep_preview, question),
        )
        return ReplyDraft(
            preview,
            on_shown=partial(_mark_as_shown, pending.burst),
            waits=partial(self._wait, person, request),
            tell=partial(self._tell, pending),
        )

    async def _write(
        self, pending: PendingTurn, request: GenerationRequest, draft: ReplyDraft, started: float
    ) -> str | None:
        """Return the model's words, or None if it has none. The person is then told."""
        try:
            words = await self._writer.write(request, draft, started)
        except GenerationError as error:
            log.warning("generation_failed", reason=error.reason, permanent=error.permanent)
            self._metrics.failures.labels(error.reason).inc()
            await draft.aclose()
            await self._fail(pending, draft, error)
            return None
        await draft.aclose()
        return words

    async def _end(
        self,
        pending: PendingTurn,
        words: str,
        draft: ReplyDraft,
        prepared: PreparedRequest,
        started: float,
    ) -> None:
        question, person = pending.question, pending.person
        is_kept_back = not words
        words = words or self._texts(person.language, "guard_fallback")
        if await self._finish(pending, words, draft, is_kept_back=is_kept_back):
            rounds = [*prepared.rounds, (question.text, words)]
            await self._rounds.keep(person.person_id, question.session_id, rounds)
            asked_at = pending.burst.received_at if pending.burst else started
            self._metrics.reply.observe(time.monotonic() - asked_at)

    async def _keep_preview(self, question: Turn, message_id: int) -> None:
        # A crash must not leave a half reply standing beside the whole one.
        async with self._database.begin() as transaction:
            await conversations.set_preview(transaction, question.turn_id, message_id)

    async def _finish(
        self, pending: PendingTurn, words: str, draft: ReplyDraft, *, is_kept_back: bool
    ) -> bool:
        """End the question; False where the model's words are not the answer (yet)."""
        await self._rounds.drop(pending.question.session_id)
        async with self._database.begin() as transaction:
            completion = await self._completer.complete(
                transaction,
                pending,
                words,
                preview_message_id=draft.preview_message_id,
                is_kept_back=is_kept_back,
            )
            await inbox.end(transaction, pending.update_ids, Ended.ANSWERED, reason=completion)
        if completion is not Completion.SUPERSEDED:
            _mark_as_shown(pending.burst)  # it is answered: newer words are a question of their own
            self._metrics.ends.labels(Ended.ANSWERED).inc(len(pending.update_ids))
        return completion is Completion.REPLY

    async def _look(self, pending: PendingTurn) -> tuple[bool, int]:
        """Whether an operator reads the reply before it goes, and how urgent it is.

        Nothing of a reply that is read first is shown while it is written.
        """
        async with self._database.read() as transaction:
            needs_review = await self._completer.needs_review(transaction, pending.person)
            case = await cases.open_case(transaction, pending.person.person_id)
        return needs_review, priority(pending.screening.level, case)

    def _wait(self, person: Person, request: GenerationRequest) -> str:
        """A word about how many wait before; nothing where it is this person's turn."""
        place = self._writer.place(request)
        if not place:
            return ""
        if place == 1:
            return self._texts(person.language, "wait_next")
        return self._texts(person.language, "wait_place", before=place - 1)

    async def _tell(self, pending: PendingTurn, text: str) -> None:
        async with self._database.begin() as transaction:
            await outbox.put(
                transaction,
                outbox.MessageKind.NOTICE,
                MessageBody(text),
                person_id=pending.person.person_id,
                epoch=pending.person.epoch,
            )

    async def _fail(self, pending: PendingTurn, draft: ReplyDraft, error: GenerationError) -> None:
        """Say honestly that there is no answer, with a button to try again."""
        language = pending.person.language
        button = (self._texts(language, "retry"), f"retry:{pending.question.turn_id}")
        key, values = "model_failed", {}
        if error.reason == "queue_full":
            key, values = "model_busy", {"before": (error.place or 1) - 1}
        async with self._database.begin() as transaction:
            await self._completer.complete_with_failure(
                transaction,
                pending,
                self._texts(language, key, **values),
                [[button]],
                preview_message_id=draft.preview_message_id,
            )
            await inbox.end(transaction, pending.update_ids, Ended.ANSWERED, reason=key)


def _mark_as_shown(burst: Burst | None) -> None:
    if burst is not None:
        burst.shown = True

"""The model's reply to one question: rounds -> prompt -> model -> guard -> outbox.

No transaction is open while the model writes.
"""

import time
from functools import partial

import structlog

from bot.context import Context
from bot.conversation.completion import Completion, PendingTurn, TurnCompleter
from bot.conversation.drafts import Preview, ReplyDraft
from bot.conversation.generation import EMPTY_REPLY, ReplyGenerator
from bot.conversation.model_memory import SessionCacheEviction
from bot.conversation.priority import priority_of
from bot.conversation.requests import PreparedRequest, RequestBuilder
from bot.updates.arrivals import Burst
from bot.updates.quotes import own_words
from inference import GenerationError, GenerationRequest
from safety.screening.requests import is_goodbye
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
    """Answers questions with the model.

    Args:
        context: the environment.
        requests: builds the model's requests.
        generator: generates the reply.
        completer: completes the turn.
        rounds: the recent rounds, which a reply changes.
        eviction: evicts silent sessions from the model's cache.
    """

    def __init__(
        self,
        context: Context,
        *,
        requests: RequestBuilder,
        generator: ReplyGenerator,
        completer: TurnCompleter,
        rounds: RecentRounds,
        eviction: SessionCacheEviction,
    ) -> None:
        self._context = context
        self._database = context.database
        self._texts = context.texts
        self._metrics = context.metrics
        self._requests = requests
        self._generator = generator
        self._completer = completer
        self._rounds = rounds
        self._eviction = eviction

    async def reply(self, pending: PendingTurn) -> None:
        """Answer a question, or say that there is no reply, and end the inbox rows."""
        started = time.monotonic()
        needs_review, priority, thread_id = await self._review_priority_and_topic(pending)
        prepared = await self._requests.request_for(pending, priority)
        draft = self._draft(pending, prepared.request, thread_id, is_hidden=needs_review)
        draft.begin()
        try:
            reply = await self._generate(pending, prepared.request, draft, started)
            if reply is not None:
                await self._complete(pending, reply, draft, prepared, started)
        finally:
            if prepared.request.conversation is not None:
                self._eviction.note(pending.question.session_id)
            await draft.aclose()

    def _draft(
        self,
        pending: PendingTurn,
        request: GenerationRequest,
        thread_id: int | None,
        *,
        is_hidden: bool,
    ) -> ReplyDraft:
        question, person = pending.question, pending.person
        preview = Preview(
            self._context.bot,
            self._context.limiter,
            "off" if is_hidden else self._context.settings.streaming,
            person.telegram_id,
            draft_id=question.turn_id,
            message_id=question.preview_message_id,
            thread_id=thread_id,
            on_begun=partial(self._store_preview, question),
        )
        return ReplyDraft(
            preview,
            on_shown=partial(_mark_as_shown, pending.burst),
            queue_notice=partial(self._queue_notice, person, request),
            send_message=partial(self._send_queue_notice, pending),
        )

    async def _generate(
        self, pending: PendingTurn, request: GenerationRequest, draft: ReplyDraft, started: float
    ) -> str | None:
        """Return the model's reply. If it fails, tell the person and return None.

        The model often has nothing to say to a goodbye, which then gets a reviewed one.
        """
        try:
            reply = await self._generator.write(request, draft, started)
        except GenerationError as error:
            if error.reason == EMPTY_REPLY and is_goodbye(own_words(pending.question.text)):
                await draft.aclose()
                return self._texts(pending.person.language, "goodbye")
            log.warning("generation_failed", error=str(error), permanent=error.permanent)
            self._metrics.failures.labels(error.reason).inc()
            await draft.aclose()
            await self._fail(pending, draft, error)
            return None
        await draft.aclose()
        return reply

    async def _complete(
        self,
        pending: PendingTurn,
        reply: str,
        draft: ReplyDraft,
        prepared: PreparedRequest,
        started: float,
    ) -> None:
        question, person = pending.question, pending.person
        is_blocked = not reply
        reply = reply or self._texts(person.language, "guard_fallback")
        if await self._enqueue(pending, reply, draft, is_blocked=is_blocked):
            rounds = [*prepared.rounds, (question.text, reply)]
            await self._rounds.keep(person.person_id, question.session_id, rounds)
            asked_at = pending.burst.received_at if pending.burst else started
            self._metrics.reply.observe(time.monotonic() - asked_at)

    async def _store_preview(self, question: Turn, message_id: int) -> None:
        # After a crash the reply replaces this preview.
        async with self._database.begin() as transaction:
            await conversations.set_preview(transaction, question.turn_id, message_id)

    async def _enqueue(
        self, pending: PendingTurn, reply: str, draft: ReplyDraft, *, is_blocked: bool
    ) -> bool:
        """Complete the turn, and return False if the reply is not queued now."""
        await self._rounds.drop(pending.question.session_id)
        async with self._database.begin() as transaction:
            completion = await self._completer.complete(
                transaction,
                pending,
                reply,
                preview_message_id=draft.preview_message_id,
                is_blocked=is_blocked,
            )
            await inbox.end(transaction, pending.update_ids, Ended.ANSWERED, reason=completion)
        if completion is not Completion.SUPERSEDED:
            _mark_as_shown(pending.burst)  # newer messages become another question
            self._metrics.ends.labels(Ended.ANSWERED).inc(len(pending.update_ids))
        return completion is Completion.REPLY

    async def _review_priority_and_topic(
        self, pending: PendingTurn
    ) -> tuple[bool, int, int | None]:
        """Return whether an operator reviews the reply first, its priority and its topic."""
        person_id = pending.person.person_id
        async with self._database.read() as transaction:
            needs_review = await self._completer.needs_review(transaction, pending.person)
            case = await cases.open_case(transaction, person_id)
            thread_id = await inbox.thread_of(transaction, person_id, pending.update_ids[-1])
        return needs_review, priority_of(pending.screening.level, case), thread_id

    def _queue_notice(self, person: Person, request: GenerationRequest) -> str:
        """Return a text about the place in the queue, or "" if the request does not wait."""
        place = self._generator.place(request)
        if not place:
            return ""
        if place == 1:
            return self._texts(person.language, "wait_next")
        return self._texts(person.language, "wait_place", before=place - 1)

    async def _send_queue_notice(self, pending: PendingTurn, text: str) -> None:
        async with self._database.begin() as transaction:
            await outbox.put(
                transaction,
                outbox.MessageKind.NOTICE,
                MessageBody(text),
                person_id=pending.person.person_id,
                update_id=pending.update_ids[-1],
                epoch=pending.person.epoch,
            )

    async def _fail(self, pending: PendingTurn, draft: ReplyDraft, error: GenerationError) -> None:
        """Say that there is no reply, with a button to try again."""
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

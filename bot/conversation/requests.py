"""The builder of the model's requests: a question with the rounds before it."""

from dataclasses import dataclass

from bot.conversation.completion import PendingTurn
from bot.conversation.generation import LONGEST_S
from bot.conversation.prompt import CHECK_IN_QUERY, PERSONA, build_prompt, escape_template
from bot.settings import Settings
from bot.updates.quotes import mark_for_model
from inference import GenerationRequest, LanguageModel, Sampling
from storage.companion.recent_rounds import RecentRounds, Rounds

SAMPLING = Sampling(min_new_tokens=2)  # no empty replies


@dataclass(frozen=True, slots=True)
class PreparedRequest:
    """A request and the rounds in its prompt."""

    request: GenerationRequest
    rounds: Rounds


class RequestBuilder:
    """Builds requests.

    Args:
        settings: the persona and the length of replies.
        model: the model.
        rounds: the recent rounds of a session.
    """

    def __init__(self, settings: Settings, model: LanguageModel, rounds: RecentRounds) -> None:
        self._model = model
        self._rounds = rounds
        self._persona = PERSONA if settings.persona else ""
        # A small context keeps half of its room for the prompt.
        self._max_new_tokens = min(settings.max_new_tokens, model.context_length // 2)

    async def request_for(self, pending: PendingTurn, priority: int) -> PreparedRequest:
        """Build the request for a question, with as many earlier rounds as fit."""
        question = pending.question
        rounds = await self._rounds.before(pending.person.person_id, question)
        ids, kept = build_prompt(
            self._model.tokenizer,
            _as_query(question.text),
            [(_as_query(query) or CHECK_IN_QUERY, reply) for query, reply in rounds],
            persona=self._persona,
            budget=self._model.context_length - self._max_new_tokens,
        )
        request = GenerationRequest(
            f"{question.turn_id}-{pending.update_ids[-1]}",
            ids,
            max_new_tokens=self._max_new_tokens,
            sampling=SAMPLING,
            priority=priority,
            deadline_s=LONGEST_S,
            # A turn off the record stays out of every cache.
            conversation=None if question.off_record else str(question.session_id),
        )
        return PreparedRequest(request, rounds[len(rounds) - len(kept) :])


def _as_query(text: str) -> str:
    return mark_for_model(escape_template(text))

"""The request that asks the model one question, with the rounds before it."""

from dataclasses import dataclass

from bot.conversation.completion import PendingTurn
from bot.conversation.generation import LONGEST_S
from bot.conversation.prompt import CHECK_IN_QUERY, PERSONA, build_prompt, escape_template
from bot.settings import Settings
from inference import GenerationRequest, LanguageModel, Sampling
from storage.companion.recent_rounds import RecentRounds, Rounds

SAMPLING = Sampling(min_new_tokens=2)  # silence is no answer


@dataclass(frozen=True, slots=True)
class PreparedRequest:
    """A request, and the rounds that its prompt holds."""

    request: GenerationRequest
    rounds: Rounds


class RequestBuilder:
    """Builds requests.

    Args:
        settings: says whether the model has a persona, and how long its replies may be.
        model: the model that is asked.
        rounds: the last rounds of a talk.
    """

    def __init__(self, settings: Settings, model: LanguageModel, rounds: RecentRounds) -> None:
        self._model = model
        self._rounds = rounds
        self._persona = PERSONA if settings.persona else ""
        # A small model must leave room for the question: half of what it can hold at most.
        self._max_new_tokens = min(settings.max_new_tokens, model.context_length // 2)

    async def request_for(self, pending: PendingTurn, urgency: int) -> PreparedRequest:
        """Build the request for a question, with as many rounds before it as fit."""
        question = pending.question
        rounds = await self._rounds.before(pending.person.person_id, question)
        ids, shown = build_prompt(
            self._model.tokenizer,
            escape_template(question.text),
            [(escape_template(past) or CHECK_IN_QUERY, reply) for past, reply in rounds],
            persona=self._persona,
            budget=self._model.context_length - self._max_new_tokens,
        )
        request = GenerationRequest(
            f"{question.turn_id}-{pending.update_ids[-1]}",
            ids,
            max_new_tokens=self._max_new_tokens,
            sampling=SAMPLING,
            priority=urgency,
            deadline_s=LONGEST_S,
            # What is said off the record is not kept anywhere, in no cache either.
            conversation=None if question.off_record else str(question.session_id),
        )
        return PreparedRequest(request, rounds[len(rounds) - len(shown) :])

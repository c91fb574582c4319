"""The interceptor of messages in a language that the companion does not speak."""

from dataclasses import dataclass
from datetime import timedelta

from bot.crisis.fixed_reply import FixedReply
from bot.texts.foreign import ForeignSpeech
from bot.updates.utterance import Utterance
from safety.response.policy import THRESHOLD
from safety.text.languages import other_language
from storage import Transaction
from storage.messages import inbox
from storage.messages.body import MessageBody
from storage.messages.inbox import Ended

# The same text is not sent again for this long. Messages at risk never come here.
SAID_FOR = timedelta(minutes=10)
REASON = "other_language"


@dataclass(frozen=True, slots=True)
class OtherLanguageInterceptor:
    """Answers with a reviewed text in the person's language, before consent too.

    Nobody can agree to a text that they cannot read, so nothing is stored before consent.
    """

    speech: ForeignSpeech
    fixed_reply: FixedReply

    async def intercept(self, transaction: Transaction, utterance: Utterance) -> bool:
        """Answer the utterance if it is neither Chinese nor English."""
        if not utterance.is_typed or utterance.screening.level >= THRESHOLD:
            return False
        code = other_language(utterance.text)
        if code is None:
            return False
        person = utterance.person
        since = transaction.now - SAID_FOR
        if await inbox.has_ended_since(transaction, person.person_id, REASON, since):
            if person.has_consented and utterance.is_new:
                await self.fixed_reply.keep(transaction, utterance)
            await inbox.end(
                transaction, utterance.update_ids, Ended.IGNORED, reason=f"{REASON}_again"
            )
            return True
        body = MessageBody(self.speech.hello(code, person.region))
        is_kept = person.has_consented and utterance.is_new
        await self.fixed_reply.send(transaction, utterance, body, reason=REASON, is_kept=is_kept)
        return True

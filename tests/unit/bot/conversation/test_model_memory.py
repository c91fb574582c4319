"""What the model keeps goes with the session, and after half an hour of silence."""

from typing import cast

from bot.conversation.model_memory import KEPT_FOR_S, SessionCacheEviction
from inference import InferenceWorker
from storage.database.events import SessionsEnded
from storage.ids import SessionId

ONE, OTHER = SessionId(1), SessionId(2)


class Forgets:
    def __init__(self) -> None:
        self.forgotten: list[str] = []

    def forget(self, conversation: str) -> None:
        self.forgotten.append(conversation)


async def test_silence_for_half_an_hour_ends_it() -> None:
    now, model = [0.0], Forgets()
    kept = SessionCacheEviction(cast(InferenceWorker, model), clock=lambda: now[0])
    kept.note(ONE)
    now[0] = 60.0
    kept.note(OTHER)
    now[0] = KEPT_FOR_S - 1
    kept.note(ONE)  # words again: counted anew
    await kept.evict_old()
    assert model.forgotten == []
    now[0] = KEPT_FOR_S + 60
    await kept.evict_old()
    assert model.forgotten == ["2"]
    now[0] = 3 * KEPT_FOR_S
    await kept.evict_old()
    await kept.evict_old()
    assert model.forgotten == ["2", "1"]


async def test_an_ended_session_goes_at_once_and_only_once() -> None:
    now, model = [0.0], Forgets()
    kept = SessionCacheEviction(cast(InferenceWorker, model), clock=lambda: now[0])
    kept.note(ONE)
    kept.evict(SessionsEnded((ONE, OTHER)))
    now[0] = 2 * KEPT_FOR_S
    await kept.evict_old()
    assert model.forgotten == ["1", "2"]

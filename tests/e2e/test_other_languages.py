"""People who write neither Chinese nor English: a text that they can read, and no model."""

from collections.abc import Awaitable, Callable

import pytest

from bot.service.lifecycle import Service
from bot.texts import Texts
from bot.texts.foreign import foreign_texts
from inference import InferenceWorker
from safety.screening.levels import Level
from sandbox import Sandbox, SandboxUser
from storage.review import cases
from tests.e2e.conftest import answer_to, newcomer_agrees, person_of
from tests.support.waiting import at_rest

Start = Callable[..., Awaitable[Service]]


def first_line(code: str, text: str) -> str:
    return str(getattr(foreign_texts()[code], text)).splitlines()[0]


@pytest.fixture
def silent(worker: InferenceWorker, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every request that the model gets."""
    asked: list[str] = []
    stream = worker.stream

    def noted(request: object) -> object:
        asked.append(str(request))
        return stream(request)  # type: ignore[arg-type]

    monkeypatch.setattr(worker, "stream", noted)
    return asked


@pytest.mark.parametrize(
    ("code", "words"),
    [("es", "Hola, ya no quiero vivir, esta noche me mato"), ("ja", "もう死にたいです")],
)
async def test_a_risk_opens_a_case(
    sandbox: Sandbox, start: Start, silent: list[str], code: str, words: str
) -> None:
    service = await start(operators_chat=None)
    user = sandbox.add_user(language_code=code)
    said = await answer_to(user, words)
    assert said.startswith(first_line(code, "crisis"))
    assert "findahelpline.com" in said
    person = await person_of(service, user)
    assert person is not None
    async with service.parts.database.read() as transaction:
        case = await cases.open_case(transaction, person.person_id)
    assert case is not None
    assert case.level == Level.ACTIVE
    # In the hold every further message gets the text: silence is not an answer to a risk.
    assert (await answer_to(user, words)).startswith(first_line(code, "crisis"))
    assert silent == []


async def test_ordinary_words_get_one_text_and_no_case(
    sandbox: Sandbox, start: Start, texts: Texts, silent: list[str]
) -> None:
    service = await start(operators_chat=None)
    user = sandbox.add_user(language_code="fr")
    said = await answer_to(user, "Bonjour, il fait un froid de canard ce matin")
    assert said.startswith(first_line("fr", "hello"))
    await user.say("Je suis rentré tard et je vais dormir")
    await at_rest(service, sandbox)
    assert sum(message.from_bot for message in user.messages) == 1
    person = await person_of(service, user)
    assert person is not None
    async with service.parts.database.read() as transaction:
        assert await cases.open_case(transaction, person.person_id) is None
    await newcomer_agrees(user, "en")
    assert silent == []


async def test_an_unknown_language_gets_both_of_ours(
    sandbox: Sandbox, start: Start, texts: Texts, silent: list[str]
) -> None:
    await start(operators_chat=None)
    user: SandboxUser = sandbox.add_user(language_code="el")
    said = await answer_to(user, "Καλημέρα, σήμερα είναι ωραία μέρα")
    for language in ("zh", "en"):
        assert texts(language, "other_language").splitlines()[0] in said
    assert silent == []


async def test_operators_read_which_language_it_is(sandbox: Sandbox, start: Start) -> None:
    await start()
    user = sandbox.add_user(language_code="de")
    await answer_to(user, "Ich will nicht mehr leben")
    chat = sandbox.operators_chat_id
    await sandbox.operator.wait_for(foreign_texts()["de"].name_zh, chat_id=chat, timeout_s=20)

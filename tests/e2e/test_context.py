"""What was said before bears on a word that alone would say little."""

from bot.service.lifecycle import Service
from bot.texts import Texts
from sandbox import Sandbox, SandboxUser
from tests.e2e.conftest import answer_to, close_case, opening


async def resolve(user: SandboxUser, sandbox: Sandbox, texts: Texts, case: int) -> None:
    await close_case(sandbox, case)
    await user.wait_for(texts("zh", "hold_ended"), timeout_s=20)


async def test_a_decision_after_a_risk_is_a_risk(
    service: Service, user: SandboxUser, sandbox: Sandbox, texts: Texts
) -> None:
    assert not (await answer_to(user, "我决定好了")).startswith(opening(texts, "crisis_suicide"))
    await answer_to(user, "我想死")
    await resolve(user, sandbox, texts, 1)
    assert (await answer_to(user, "我决定好了")).startswith(opening(texts, "crisis_suicide"))


async def test_a_sentence_in_two_messages_is_read_whole(
    service: Service, user: SandboxUser, texts: Texts
) -> None:
    await answer_to(user, "我真的不")  # answered: too late to be one burst with what follows
    assert (await answer_to(user, "想活了")).startswith(opening(texts, "crisis_suicide"))


async def test_words_that_do_not_follow_each_other_are_no_sentence(
    service: Service, user: SandboxUser, texts: Texts
) -> None:
    await answer_to(user, "我真的不")
    await answer_to(user, "今天和同事开了一整天的会，回到家里才吃上晚饭")
    assert not (await answer_to(user, "想活了")).startswith(opening(texts, "crisis_suicide"))

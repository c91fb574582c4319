"""In which order a page of updates is taken."""

from datetime import UTC, datetime

from telegram import Bot

from bot.metrics import Metrics
from bot.receiving.poller import Poller, fewest_letters_first


def update(number: int, person: int, text: str) -> dict[str, object]:
    chat = {"id": person, "type": "private"}
    return {"update_id": number, "message": {"chat": chat, "text": text}}


def test_whoever_wrote_most_comes_last_and_keeps_their_order() -> None:
    page: list[object] = [update(n, 7, "1" * 4_096) for n in range(1, 4)]
    page += [update(4, 8, "我想死"), update(5, 7, "x"), update(6, 9, "a" * 100), {"update_id": 7}]
    order = [raw["update_id"] for raw in fewest_letters_first(page) if isinstance(raw, dict)]
    assert order == [7, 4, 6, 1, 2, 3, 5]


async def test_who_comes_meanwhile_does_not_wait_for_a_page_of_long_texts() -> None:
    pending = [update(n, 7, "1" * 4_096) for n in range(1, 21)]
    taken: list[object] = []

    async def receive(raw: object) -> None:
        assert isinstance(raw, dict)
        taken.append(raw["update_id"])
        if len(taken) == 2:
            pending.append(update(21, 8, "我想死"))

    poller = Poller(
        bot=Bot("1:a"), receive=receive, rescue=receive, metrics=Metrics(),
        now=lambda: datetime.now(UTC),
    )  # fmt: skip

    async def post(*_: object, **__: object) -> list[dict[str, object]]:
        return [raw for raw in pending if int(str(raw["update_id"])) >= poller._offset][:100]

    poller._request.post = post  # type: ignore[method-assign,assignment]
    while poller._offset < 22:
        assert await poller._poll()
    assert taken.index(21) < 6
    assert sorted(taken, key=str) == sorted(range(1, 22), key=str)
    assert [each for each in taken if each != 21] == list(range(1, 21))

"""In which order a page of updates is taken."""

from bot.receiving.poller import fewest_letters_first


def update(number: int, person: int, text: str) -> dict[str, object]:
    chat = {"id": person, "type": "private"}
    return {"update_id": number, "message": {"chat": chat, "text": text}}


def test_whoever_wrote_most_comes_last_and_keeps_their_order() -> None:
    page: list[object] = [update(n, 7, "1" * 4_096) for n in range(1, 4)]
    page += [update(4, 8, "我想死"), update(5, 7, "x"), update(6, 9, "a" * 100), {"update_id": 7}]
    order = [raw["update_id"] for raw in fewest_letters_first(page) if isinstance(raw, dict)]
    assert order == [7, 4, 6, 1, 2, 3, 5]

"""Texts that cost a screener most: what hostile messages repeat."""

from collections.abc import Callable

REPEATED = (
    "1", "12", "4", "$", "a", " ", "\n", "我", "不", "想死", "wo", "xiangsi", "si ", "“我想死”",
    "💊", "去死吧", "i want to ", "i want\nto die\n", "i want. to. die. ", "don't ", "one two ",
    "12356 ", "我爱你“", "quiero me ya no ", "я хочу просто ", "に死", "죽고살", "ฆ่าตัวตายอยาก",
    "&#33258;", "%E6", "我x", "w ", "wo3 ", "iwantto", "\u202e杀", "ǝ", "overdos", "问\n", "刀",
    "你有抑郁症", "@", "(", "[[", "<b>", "\u200b", "\u3164我", "\u0301", "👨‍👩‍👧", "我想 die ",
)  # fmt: skip
AFTER = (("我", "刚"), ("嗨", " "), ("杀", "-"), ("想死", "今晚"), ("1", " "), ("friend", " "))


def hostile_texts() -> list[tuple[str, Callable[[int], str]]]:
    """Return the kinds by name, each as a function of the length in characters."""
    made: list[tuple[str, Callable[[int], str]]] = [(unit, _repeat(unit)) for unit in REPEATED]
    for head, tail in AFTER:
        made += [(head + tail, _tail(head, tail)), (head * 2 + tail, _halves(head, tail))]
    return made


def _repeat(unit: str) -> Callable[[int], str]:
    return lambda size: unit * (size // len(unit))  # whole units, so that all lengths end alike


def _tail(head: str, tail: str) -> Callable[[int], str]:
    return lambda size: (head + tail * size)[:size]


def _halves(head: str, tail: str) -> Callable[[int], str]:
    return lambda size: (head * size)[: size // 2] + (tail * size)[: size - size // 2]

"""The test whether a span of a folded text fills its clause.

Punctuation bounds a clause, and so does a blank beside a Chinese character.
"""

import re

_WINDOW = 24
_NO_BORDER = "'’-"
# Possessive (*+), so that matching stays linear in the length of the text.
_LEADS = re.compile(
    r"(?:[我刚才已经都真的嗯是有对又就其实啱头先然后也全好像唔系只净 ]"
    r"|\b(?:i|i've|i’ve|ive|just|already|yes|yeah|yep|yup|ok|okay|so|um|uh|well|kinda|and|then"
    r"|have|may|might|maybe|think|did|actually|really|sorry|only|mm|oh)\b)*+"
)
_TRAILS = re.compile(
    r"(?:[了啊呀吧呢的哦喇啦咗过嘛诶呜哈噢嗯 ]"
    r"|而已|罢了|啫"
    r"|\b(?:already|now|again|just|lol|sorry|all|right|of|it|them|today|tonight|earlier|before"
    r"|ok|ago|i think|i guess|though)\b)*+"
)


def stands_alone(surface: str, start: int, end: int) -> bool:
    """Return whether a span has only fillers beside it in its clause."""
    left = start
    while left > 0 and start - left <= _WINDOW and not _is_border(surface, left - 1):
        left -= 1
    right = end
    while right < len(surface) and right - end <= _WINDOW and not _is_border(surface, right):
        right += 1
    if max(start - left, right - end) > _WINDOW:
        return False
    leads, trails = surface[left:start], surface[end:right]
    return bool(_LEADS.fullmatch(leads) and _TRAILS.fullmatch(trails))


def _is_border(surface: str, index: int) -> bool:
    char = surface[index]
    if char == " ":
        return _is_han(surface[index - 1 : index]) or _is_han(surface[index + 1 : index + 2])
    return not char.isalnum() and char not in _NO_BORDER


def _is_han(char: str) -> bool:
    return "\u3400" <= char <= "\u9fff"

"""The words that mean: I leave, now.

Knows nothing of what happens then (`stopping.py`). A whole message must be such a word: 停止
inside a sentence says something else.
"""

import unicodedata

WORDS = frozenset({"退出", "结束对话", "停止", "stop", "quit", "exit"})
COMMAND = "/stop"
LONGEST = 40  # most messages are longer than any such word with its punctuation


def is_stop(text: str) -> bool:
    """Whether a whole message says nothing but that the person leaves."""
    if text.startswith("/"):
        return text.split(None, 1)[0].split("@", maxsplit=1)[0].casefold() == COMMAND
    if len(text) > LONGEST:
        return False
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(filter(str.isalnum, folded)) in WORDS

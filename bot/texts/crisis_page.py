"""The page of all reviewed crisis texts, for the people who review them.

`python -m bot.texts.crisis_page` prints it; `docs/crisis_texts.md` holds it.
"""

from collections.abc import Callable, Iterable, Iterator
from importlib import resources

from bot.texts import LANGUAGES, Texts
from review.cases.canned_replies import brought
from safety import yaml_files
from safety.response.policy import Script
from safety.response.script import questions
from safety.screening.answers import Answer

HEAD = """# The reviewed crisis texts

Every text that a person at risk can read, with its key. [crisis.md](crisis.md) says when each
one comes. A change of a text is made in `bot/texts/crisis_zh.yaml` and `bot/texts/crisis_en.yaml`,
and `python -m bot.texts.crisis_page > docs/crisis_texts.md` writes this page again.
`{lines}` stands for the numbers of the person's region.
"""
OPERATORS = """## Canned replies of operators

The texts that operators send with one tap, as the service brings them
(`review/cases/canned_replies.yaml`). Admins edit them in the console, so each service has its own.
"""


def page() -> str:
    """Return the page as Markdown."""
    source = resources.files(__package__).joinpath("crisis_zh.yaml").read_text("utf-8")
    left: list[str] = list(yaml_files.parse(source))
    parts = [HEAD]
    for title, belongs in _GROUPS.items():
        keys = [key for key in left if belongs(key)]
        left = [key for key in left if key not in keys]
        parts += [f"## {title}\n", *_table(keys)]
    parts += ["## Everything else\n", *_table(left), OPERATORS]
    rows = [
        (name, *(texts[language] for language in LANGUAGES)) for name, texts in brought().items()
    ]
    return "\n".join([*parts, *_rows(rows)])


def _table(keys: list[str]) -> Iterator[str]:
    texts = Texts()
    return _rows((key, *(texts(language, key) for language in LANGUAGES)) for key in keys)


def _rows(rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield "| Key | 中文 | English |\n|---|---|---|"
    for key, *cells in rows:
        written = " | ".join(cell.replace("|", "\\|").replace("\n", "<br>") for cell in cells)
        yield f"| `{key}` | {written} |"
    yield ""


def _follows_an_answer(key: str) -> bool:
    question, _, answer = key.rpartition("_")
    return question in _QUESTIONS and answer in {*Answer}


_QUESTIONS = {question.name for script in Script for question in questions(script)}
_GROUPS: dict[str, Callable[[str], bool]] = {
    "Openings": lambda key: key.startswith("crisis_"),
    "Questions": lambda key: key.startswith(("ask_", "gentle_")),
    "After the answer to a question": _follows_an_answer,
    "After any answer": lambda key: key.startswith("ack_"),
    "After the last question": lambda key: key.startswith("stay_"),
    "What the program cannot read": lambda key: key.startswith("unheard_"),
    "Help lines below other replies": lambda key: key.startswith("resources"),
    "The follow-up": lambda key: key.startswith("follow_"),
    "The safety plan": lambda key: key.startswith("plan_"),
}

if __name__ == "__main__":
    print(page())  # noqa: T201

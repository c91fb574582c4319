"""What the documents name exists, and they name every setting, command and metric."""

import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.service.routes import COMMANDS
from bot.settings import Settings
from bot.texts import crisis_page

ROOT = Path(__file__).resolve().parents[2]
# History: these two name files as they were called when a figure was measured or a change made.
HISTORY = {"docs/experiments.md", "CHANGELOG.md"}
PAGES = sorted(
    str(file.relative_to(ROOT))
    for file in [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]
    if str(file.relative_to(ROOT)) not in HISTORY
)
READMES = ["README.md", "README.zh-CN.md"]
SETTINGS = sorted(f"PICA_{name.upper()}" for name in Settings.model_fields)
LONGEST_LINE = 100
FENCE = re.compile(r"^ *```.*?^ *```", re.DOTALL | re.MULTILINE)
CODE = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\]\(([^)\s]+)\)")
MODULE = re.compile(r"\bpython -m ([\w.]+)|^from ([\w.]+) import|\b(benchmarks\.\w+)", re.MULTILINE)
SUFFIXES = (".py", ".yaml", ".toml", ".json", ".html", ".md", ".lock", ".css", ".js")


def text_of(page: str) -> str:
    return (ROOT / page).read_text("utf-8")


def files() -> list[str]:
    tops = [top for top in ROOT.iterdir() if not top.name.startswith(".") and top.name != "build"]
    within = [file for top in tops for file in ([top] if top.is_file() else top.rglob("*.*"))]
    return [str(file.relative_to(ROOT)) for file in within]


FILES = files()
TOP = {name.split("/")[0] for name in FILES if "/" in name}
# Files that the service or a person makes; they are in no checkout.
MADE = {"emergency.json", "CHANGE.yaml"}


def paths(page: str) -> Iterator[str]:
    """Words in backticks that look like a path of the repository or the name of a file."""
    for word in CODE.findall(FENCE.sub("", text_of(page))):
        path = word.rstrip("/")
        if re.search(r"[\s<>=:|]", path) or Path(path).name in MADE:
            continue
        is_below_top = "/" in word and path.split("/")[0] in TOP
        if is_below_top or (path.endswith(SUFFIXES) and not path.startswith(("/", "*"))):
            yield path


def is_there(path: str) -> bool:
    """Whether the path is a file or folder, or ends the path of one; `*` stands for anything."""
    if "*" in path:
        return any(ROOT.glob(path))
    return (ROOT / path).exists() or any(name.endswith(f"/{path}") for name in FILES)


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives to a page's headings."""
    heads = re.findall(r"^#+ (.+)$", FENCE.sub("", page.read_text("utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", PAGES)
def test_every_path_that_a_page_names_exists(page: str) -> None:
    assert [path for path in paths(page) if not is_there(path)] == []


@pytest.mark.parametrize("page", PAGES)
def test_every_module_that_a_page_names_exists(page: str) -> None:
    named = {next(filter(None, found)) for found in MODULE.findall(text_of(page))}
    ours = {name for name in named if name.split(".")[0] in TOP}
    assert [name for name in sorted(ours) if importlib.util.find_spec(name) is None] == []


@pytest.mark.parametrize("page", PAGES)
def test_every_link_within_the_repository_leads_somewhere(page: str) -> None:
    broken = []
    for link in LINK.findall(FENCE.sub("", text_of(page))):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = (ROOT / page).parent / path if path else ROOT / page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


@pytest.mark.parametrize("page", PAGES)
def test_prose_wraps_at_100(page: str) -> None:
    prose = FENCE.sub("", text_of(page)).splitlines()
    long = [line for line in prose if len(line) > LONGEST_LINE and not line.startswith("|")]
    assert [line for line in long if "](" not in line] == []


@pytest.mark.parametrize("page", READMES)
def test_every_setting_is_explained(page: str) -> None:
    cells = re.findall(r"^\| (`PICA_.*?) \|", text_of(page), re.MULTILINE)
    assert sorted(re.findall(r"PICA_\w+", " ".join(cells))) == SETTINGS


def test_every_setting_is_in_the_example() -> None:
    assert sorted(re.findall(r"^(PICA_\w+)=", text_of(".env.example"), re.MULTILINE)) == SETTINGS


@pytest.mark.parametrize("page", READMES)
def test_every_command_of_the_chat_is_explained(page: str) -> None:
    assert sorted(re.findall(r"^\| `/(\w+)`", text_of(page), re.MULTILINE)) == sorted(COMMANDS)


def test_every_metric_is_explained() -> None:
    explained = re.findall(r"^\| `(pica_\w+)", text_of("docs/operations.md"), re.MULTILINE)
    code = (ROOT / "bot" / "metrics.py").read_text("utf-8")
    assert sorted(explained) == sorted(re.findall(r'"(pica_\w+)"', code))


def test_the_page_of_crisis_texts_is_current() -> None:
    assert text_of("docs/crisis_texts.md") == crisis_page.page() + "\n"

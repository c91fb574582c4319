"""The image can be built: what the Dockerfile copies is there, and is sent to the builder."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


class DockerIgnore:
    """The patterns of a `.dockerignore` file: the last that matches a path or a folder above it."""

    def __init__(self, text: str) -> None:
        self._rules: list[tuple[bool, re.Pattern[str]]] = []
        for line in text.splitlines():
            rule = line.strip()
            if rule and not line.startswith("#"):
                lets_in = rule.startswith("!")
                pattern = rule.removeprefix("!").strip().strip("/")
                self._rules.append((lets_in, _expression(pattern)))

    def lets_in(self, path: str) -> bool:
        is_in = True
        parts = path.split("/")
        chain = ["/".join(parts[:count]) for count in range(1, len(parts) + 1)]
        for lets_in, pattern in self._rules:
            if any(pattern.fullmatch(each) for each in chain):
                is_in = lets_in
        return is_in


def _expression(pattern: str) -> re.Pattern[str]:
    """One pattern: `*` and `?` stay within a folder, `**` goes over any number of them."""
    found = ""
    for part in re.findall(r"\*\*/?|\*|\?|\[\^?[^\]]+\]|\\.|.", pattern):
        if part.startswith("**"):
            found += "(?:.*/)?" if part == "**/" else ".*"
        elif part in ("*", "?"):
            found += "[^/]*" if part == "*" else "[^/]"
        elif part.startswith("["):
            found += part
        else:
            found += re.escape(part.removeprefix("\\"))
    return re.compile(found, re.DOTALL)


def copied() -> list[str]:
    """Every source that the Dockerfile copies from the folder it is built in."""
    lines = (ROOT / "Dockerfile").read_text("utf-8").replace("\\\n", " ").splitlines()
    words = [line.split() for line in lines if line.split()[:1] in (["COPY"], ["ADD"])]
    own = [each for each in words if not any(word.startswith("--from=") for word in each)]
    return [word for each in own for word in each[1:-1] if not word.startswith("--")]


def tracked(*names: str) -> list[str]:
    """What of the folders and files named is in the repository, and there."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--", *names], cwd=ROOT, capture_output=True, check=False
    )
    if listed.returncode:
        pytest.skip("not a checkout of the repository")
    return [name for name in listed.stdout.decode().split("\0") if name]


def packages() -> list[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    found: list[str] = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    return found


@pytest.fixture(scope="module")
def ignore() -> DockerIgnore:
    return DockerIgnore((ROOT / ".dockerignore").read_text("utf-8"))


def test_every_source_is_there_and_let_in(ignore: DockerIgnore) -> None:
    assert len(copied()) > 8
    for source in copied():
        assert (ROOT / source).exists(), source
        assert ignore.lets_in(source), f".dockerignore leaves {source} out"


def test_every_package_of_the_wheel_is_copied_whole(ignore: DockerIgnore) -> None:
    assert set(packages()) <= set(copied())
    files = tracked(*packages())
    assert len(files) > 300
    assert [each for each in files if not ignore.lets_in(each)] == []


def test_what_the_wheel_is_described_by_is_copied() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert {"pyproject.toml", project["readme"], *project["license-files"]} <= set(copied())


def test_nothing_else_is_sent(ignore: DockerIgnore) -> None:
    for name in (".env", ".git/config", "var/pica.db", ".venv/bin/python", "tests/conftest.py"):
        assert not ignore.lets_in(name), name
    assert not ignore.lets_in("bot/cli/__pycache__/run.cpython-311.pyc")


@pytest.mark.parametrize(
    ("rules", "path", "is_in"),
    [
        ("*\n!bot", "console/a.py", False),
        ("*\n!bot", "bot/a/b.py", True),
        ("*\n!bot\nbot/a", "bot/a/b.py", False),
        ("*\n!bot\nbot/a\n!bot/a/b.py", "bot/a/b.py", True),  # the last one counts
        ("*.py", "a.py", False),
        ("*.py", "bot/a.py", True),  # a star stays within a folder
        ("**/*.py", "a.py", False),
        ("**/*.py", "bot/a.py", False),
        ("bot/**", "bot/a/b.py", False),
        ("/bot/", "bot/a.py", False),
        ("bo?", "bot/a.py", False),
        ("bo", "bot/a.py", True),
        ("[a-c]ot", "bot/a.py", False),
        ("[^a-c]ot", "bot/a.py", True),
        ("# bot\n\nb.py", "bot/a.py", True),
        ("a\\*b", "axb", True),
        ("a\\*b", "a*b", False),
    ],
)
def test_patterns_match_as_the_builder_matches_them(rules: str, path: str, is_in: bool) -> None:
    assert DockerIgnore(rules).lets_in(path) is is_in

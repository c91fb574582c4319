"""Text in another encoding is refused by its line, in every command."""

import codecs
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bot.settings import load
from inference.demo_model import CHECKPOINT
from tests.e2e.test_cli import alone, pica, told
from tests.e2e.test_cli_replay import ADDED

__all__ = ["alone"]  # every test here runs in an empty folder too
CRISIS = "我想自杀"
ROW = json.dumps({"text": CRISIS}, ensure_ascii=False) + "\n"
CALM = json.dumps({"text": "今天天气很好"}, ensure_ascii=False) + "\n"
LOCALES = {
    "c without utf-8": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    "latin-1": {"LC_ALL": "C.UTF-8", "PYTHONIOENCODING": "latin-1"},
}


@pytest.fixture(params=LOCALES.values(), ids=LOCALES.keys())
def process(request: pytest.FixtureRequest) -> Callable[..., tuple[int, bytes, str]]:
    """Run a command as a process of its own, in some locale."""

    def run(*arguments: str | bytes, stdin: bytes = b"") -> tuple[int, bytes, str]:
        root = str(Path(__file__).parents[2])
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("LC_", "LANG", "PYTHON"))}
        done = subprocess.run(
            [sys.executable, "-m", "bot", *arguments],
            input=stdin,
            capture_output=True,
            check=False,
            env={**kept, "PYTHONPATH": root, **request.param},
            timeout=600,
        )
        return done.returncode, done.stdout, done.stderr.decode(errors="replace")

    return run


def test_screen_in_any_locale(process: Callable[..., tuple[int, bytes, str]]) -> None:
    rows = ROW.encode() + CALM.encode() + ROW.encode("gbk") + ROW.encode()
    status, out, said = process("screen", stdin=codecs.BOM_UTF8 + rows)
    assert status == 1
    assert [json.loads(line)["level"] for line in out.splitlines()] == [3, 0]  # those before
    assert said.startswith("line 3 is not UTF-8 ") and "iconv -f GBK -t UTF-8" in said
    assert "Traceback" not in said


def test_words_of_the_command_line_in_any_locale(
    process: Callable[..., tuple[int, bytes, str]],
) -> None:
    status, out, said = process("operators", "add", "5", "--name", CRISIS.encode("gbk"))
    assert (status, out) == (2, b"")
    assert "is not UTF-8" in said and "Traceback" not in said
    pica("db", "upgrade")
    status, _, said = process("operators", "add", "5", "--name", "小林".encode())
    assert (status, said) == (0, "")
    status, out, _ = process("operators", "list", "--json")
    assert (status, json.loads(out)["name"]) == (0, "小林")
    status, out, said = process("operators", "list")  # as well as the locale can show it
    assert (status, said) == (0, "")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_wide_encodings_end_screen(encoding: str) -> None:
    result = pica("screen", stdin=(CALM + ROW).encode(encoding), status=1)
    assert result.stdout == ""
    assert result.stderr.startswith("line 1 is not UTF-8 but ")
    assert "iconv -f UTF-" in result.stderr


def test_screen_answers_half_a_surrogate_pair() -> None:
    result = pica("screen", stdin='{"text": "我想自杀\\ud83d"}\n')
    assert json.loads(result.stdout)["level"] == 3


def test_generate_answers_what_stands_before() -> None:
    asked = json.dumps({"query": "你好"}, ensure_ascii=False).encode() + b"\n"
    arguments = ("generate", "--model", str(CHECKPOINT), "--greedy", "--max-new-tokens", "2")
    bad = '{"query": "我想自杀"}\n'.encode("gbk")
    result = pica(*arguments, stdin=codecs.BOM_UTF8 + asked * 2 + bad + asked, status=1)
    assert len(result.stdout.splitlines()) == 2
    assert result.stderr.strip().startswith("line 3 is not UTF-8 ")


def test_generate_writes_utf8() -> None:
    asked = json.dumps({"query": "你好"}).encode() + b"\n"
    result = pica(
        "generate", "--model", str(CHECKPOINT), "--greedy", "--max-new-tokens", "4", stdin=asked
    )
    assert json.loads(result.stdout_bytes)["text"]


def test_labelled_messages_are_named_by_file_and_line(tmp_path: Path) -> None:
    folder = tmp_path / "messages"
    folder.mkdir()
    file = folder / "own.jsonl"
    file.write_bytes(codecs.BOM_UTF8 + CALM.encode())
    assert "own.jsonl" in told("safety", "evaluate", str(folder))
    file.write_bytes(CALM.encode() + ROW.encode("gbk"))
    assert "own.jsonl: line 2 is not UTF-8" in told("safety", "evaluate", str(folder), status=2)
    change = tmp_path / "change.yaml"
    change.write_text("why: too loud\ndisable: [zh.abuse.now]\n")
    said = told("safety", "replay", str(change), str(folder), status=1)
    assert "own.jsonl: line 2 is not UTF-8" in said


def test_a_change_of_the_lexicon_is_utf8(tmp_path: Path) -> None:
    change = tmp_path / "change.yaml"
    text = ADDED.replace("so people say it here", "这里的人这样说")
    change.write_bytes(codecs.BOM_UTF8 + text.encode())
    pica("safety", "replay", str(change))
    for encoding, says in (("gbk", "line 1 is not UTF-8 ("), ("utf-16", "line 1 is not UTF-8 but")):
        change.write_bytes(text.encode(encoding))
        assert f"change.yaml: {says}" in told("safety", "replay", str(change), status=1)


def test_settings_are_utf8() -> None:
    text = "# 端口\nPICA_HTTP_PORT=8099\n"
    Path(".env").write_bytes(codecs.BOM_UTF8 + text.encode()[len("# 端口\n".encode()) :])
    assert load().http_port == 8099  # the first name keeps no mark
    for encoding, line in (("gbk", 1), ("utf-16", 1)):
        Path(".env").write_bytes(text.encode(encoding))
        assert f".env: line {line} is not UTF-8" in told("trace", "5", status=1)
        assert not Path("var").exists()


def test_numbers_of_ones_own_are_utf8(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PICA_LOCAL_CONTACTS", "own.toml")
    text = '[[line]]\nname = "我们的医院"\nnumber = "12345"\n'
    Path("own.toml").write_bytes(text.encode("gbk"))
    assert "hotlines: own.toml: line 2 is not UTF-8" in told("doctor", status=1)
    Path("own.toml").write_bytes(codecs.BOM_UTF8 + text.encode())
    assert "own.toml" not in told("doctor", status=1)

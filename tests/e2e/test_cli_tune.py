"""`pica tune` at the command line: a prefix that serves, a stop, a full disk, bad input."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from tests.e2e.test_cli import alone, pica, told

__all__ = ["alone"]  # every test here runs in an empty folder
BASE = Path(__file__).parents[1] / "data" / "reference" / "pica-layout" / "chatglm2-tiny"
ROWS = (
    {"prompt": "睡不着", "response": "听起来很累。"},
    {"prompt": "他走了", "history": [["你好", "你好。"]], "response": "这一定很难。"},
)
FLAGS = ("--model", str(BASE), "--out", "mine", "--length", "4", "--device", "cpu")


def write_talks() -> str:
    lines = (json.dumps(row, ensure_ascii=False) for row in ROWS)
    Path("talks.jsonl").write_text("\n".join(lines), "utf-8")
    return "talks.jsonl"


def tune(*more: str, kib: str = "unlimited") -> "subprocess.Popen[bytes]":
    """Start the command in a process of its own, with a limit on the size of files."""
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-m", "bot", "tune", write_talks(), *FLAGS, *more]
    limited = ["bash", "-c", 'ulimit -f "$0" && exec "$@"', kib, *command]
    return subprocess.Popen(limited, stderr=subprocess.PIPE, env=environment)


def test_a_tuned_prefix_answers() -> None:
    more = ("--steps", "3", "--accumulate", "2", "--report", "report.jsonl")
    assert "mine is ready" in told("tune", write_talks(), *FLAGS, *more, status=0)
    steps = [json.loads(line)["step"] for line in Path("report.jsonl").read_text().splitlines()]
    assert steps == [1, 2, 3]
    asked = json.dumps({"query": "睡不着"})
    flags = ("--model", str(BASE), "--prefix", "mine", "--greedy", "--max-new-tokens", "2")
    assert json.loads(pica("generate", *flags, stdin=asked).stdout)["ids"]


def test_a_stopped_run_goes_on() -> None:
    long = ("--steps", "100000", "--schedule", "constant", "--accumulate", "1")
    running = tune(*long, "--report", "report.jsonl")
    until = time.monotonic() + 600
    while not (Path("report.jsonl").exists() and Path("report.jsonl").stat().st_size):
        assert running.poll() is None, running.communicate()
        assert time.monotonic() < until
        time.sleep(0.05)
    running.send_signal(signal.SIGTERM)
    _, said = running.communicate(timeout=600)
    assert running.returncode == 130, said.decode()
    assert b"--resume" in said
    done = len(Path("report.jsonl").read_text().splitlines())
    more = ("--schedule", "constant", "--accumulate", "1", "--resume", "--steps", str(done + 1))
    assert "mine is ready" in told("tune", "talks.jsonl", *FLAGS, *more, status=0)
    assert torch.load("mine/pytorch_model.bin", weights_only=True)


def test_a_disk_that_fills_is_said() -> None:
    running = tune("--steps", "2", "--accumulate", "1", kib="2")
    _, said = running.communicate(timeout=600)
    assert running.returncode == 1, said.decode()
    assert b"Traceback" not in said
    assert b"--resume" in said


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('{"prompt": "a"}', 'talks.jsonl: line 3 has no "response"'),
        ('{"prompt": "a", "response": ""}', 'talks.jsonl: line 3: "response" is empty'),
    ],
)
def test_a_broken_line_is_named(line: str, says: str) -> None:
    with Path(write_talks()).open("a", encoding="utf-8") as file:
        file.write("\n" + line)
    assert says in told("tune", "talks.jsonl", *FLAGS, status=1)
    assert not Path("mine").exists()


def test_data_that_are_not_there() -> None:
    assert "nothing.jsonl" in told("tune", "nothing.jsonl", *FLAGS, status=1)

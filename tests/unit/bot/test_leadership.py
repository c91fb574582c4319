"""When the holder of a lease counts as gone."""

import os
import socket
import subprocess
import sys

from bot.service.leadership import is_gone

HOST = socket.gethostname()[:32]


def test_a_living_process_of_this_machine_holds_on() -> None:
    assert not is_gone(f"{HOST}/{os.getppid()}/abcd")


def test_a_dead_process_of_this_machineis_gone() -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    assert is_gone(f"{HOST}/{ended.pid}/abcd")


def test_an_earlier_life_under_the_same_numberis_gone() -> None:
    assert is_gone(f"{HOST}/{os.getpid()}/abcd")


def test_nothing_is_known_of_another_machine() -> None:
    assert not is_gone("elsewhere/1/abcd")
    assert not is_gone("")
    assert not is_gone(f"{HOST}/nonsense")

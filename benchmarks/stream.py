"""People who come at random, at a part of what the engine can do: how long they wait for words."""

from __future__ import annotations

import random
import statistics
from time import perf_counter

from benchmarks.asker import REPLY, Asker, words
from benchmarks.glm import seconds
from inference.loading.source import OpenModel


def stream(opened: OpenModel, duration_s: float) -> None:
    print(
        f"\n### People who come at random for {duration_s:.0f} s; 140 tokens asked, 60 answered\n"
    )
    full = Asker(opened, keeps=False)
    for person in range(48):
        full.ask(words(person, 140), REPLY)
    capacity = 48 / seconds(full.finish)
    print(f"Capacity {capacity:.2f} replies a second.\n")
    print("| load | replies | first word ms, median | p95 | most | a word ms, median | p95 |")
    print("|---|---|---|---|---|---|---|")
    for load in (0.5, 0.9):
        firsts, each = _poisson(Asker(opened, keeps=False), load * capacity, duration_s)
        cells = [f"{statistics.median(firsts) * 1e3:.0f}", f"{_p95(firsts) * 1e3:.0f}"]
        cells += [f"{max(firsts) * 1e3:.0f}", f"{statistics.median(each) * 1e3:.0f}"]
        row = [f"{load}", str(len(firsts)), *cells, f"{_p95(each) * 1e3:.0f}"]
        print("| " + " | ".join(row) + " |", flush=True)


def _poisson(asker: Asker, rate: float, duration_s: float) -> tuple[list[float], list[float]]:
    """Seconds to the first word, and between words, of everybody who came."""
    dice, arrivals, at = random.Random(1), [], 0.0  # noqa: S311
    while (at := at + dice.expovariate(rate)) < duration_s:
        arrivals.append(at)
    begin, asked, last = perf_counter(), {}, {}
    firsts, each = [], []
    while arrivals or asker.engine.has_work:
        now = perf_counter() - begin
        while arrivals and arrivals[0] <= now:
            asked[asker.ask(words(len(arrivals), 140), REPLY)] = arrivals.pop(0)
        for output in asker.engine.step() if asker.engine.has_work else []:
            now = perf_counter() - begin
            name = output.request_id
            (each if name in last else firsts).append(now - last.get(name, asked[name]))
            last[name] = now
    return firsts, each


def _p95(values: list[float]) -> float:
    return statistics.quantiles(values, n=20)[-1]

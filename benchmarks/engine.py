"""The engine beside what people use today, on the same weights, in one run.

    python -m benchmarks.engine [small | chatglm2 | demo | FOLDER] [--device cuda] [--plot FILE.svg]

Prints Markdown tables: medians, with the least and the most in brackets. All replies are greedy and
of the same length. On a CPU each works in the floating type in which it is the faster, measured
first, unless ``--dtype`` names one for all; on CUDA all work in bfloat16. ``--parts`` runs some of:
chats steps alone history stream memory.
"""

from __future__ import annotations

import argparse
import copy
import statistics
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import torch
from transformers import GlmForCausalLM

from benchmarks.asker import PEOPLE, QUESTION, REPLY, TURNS, Asker, words
from benchmarks.glm import Clock, in_turn, make, products, seconds, settle, spread, weights_of
from benchmarks.plot import bars
from benchmarks.rivals import Histories, Rivals, Way, continuous, one_at_a_time, static
from benchmarks.stream import stream
from inference.engine.engine import Engine
from inference.loading.autotune import faster_dtype, pack_if_faster
from inference.loading.source import OpenModel

PARTS = ("chats", "steps", "alone", "history", "stream", "memory")


def talk(reply: Callable[[Histories], Histories], people: int, turns: int) -> None:
    """The chat workload: everybody waits for the reply before writing again."""
    histories: Histories = [[] for _ in range(people)]
    for turn in range(turns):
        prompts = [h + words(turn * 97 + p, QUESTION) for p, h in enumerate(histories)]
        histories = [p + r for p, r in zip(prompts, reply(prompts), strict=True)]
        assert {len(h) for h in histories} == {(turn + 1) * (QUESTION + REPLY)}


def through(asker: Asker, name: str, *, anew: bool = False) -> Callable[[Histories], Histories]:
    """Everybody's turn through the engine; ``anew``: replies come back as other ids."""

    def reply(prompts: Histories) -> Histories:
        asked = [asker.ask(p, REPLY, f"{name} {i}") for i, p in enumerate(prompts)]
        replies = asker.finish()
        shift = 1 if anew else 0  # a reply encoded anew differs from what was generated
        return [[token ^ shift for token in replies[request]] for request in asked]

    return reply


def chats(opened: OpenModel, rivals: Rivals, paged: Rivals, repeats: int) -> dict[str, float]:
    print(f"\n### {PEOPLE} people, {TURNS} turns, {QUESTION} tokens asked, {REPLY} answered\n")
    asker, count = Asker(opened), iter(range(10**6))

    def ours(**options: bool) -> None:
        talk(through(asker, f"run {next(count)}", **options), PEOPLE, TURNS)

    def theirs(way: Way, people: int) -> None:
        talk(lambda prompts: rivals.ask(way, prompts, REPLY), people, TURNS)

    share = PEOPLE // 2  # one after the other: the work of two people, eight times
    middle = QUESTION + (TURNS - 1) * (QUESTION + REPLY) // 2
    prompts = [words(p, middle) for p in range(PEOPLE)]
    works: dict[str, tuple[float, Callable[[], object]]] = {
        "this engine": (1, ours),
        "this engine, replies encoded anew": (1, lambda: ours(anew=True)),
        f"`generate`, static batch of 16, {rivals.dtype(static)}": (
            1,
            lambda: theirs(static, PEOPLE),
        ),
        f"`generate`, one at a time, {rivals.dtype(one_at_a_time)}": (
            share,
            lambda: theirs(one_at_a_time, PEOPLE // share),
        ),
        # Its time grows evenly with the history: a turn of mean length, six times.
        f"`generate_batch`, {paged.dtype(continuous)}": (
            TURNS,
            lambda: paged.ask(continuous, prompts, REPLY),
        ),
    }
    taken = {}
    for name, values in in_turn({n: w for n, (_, w) in works.items()}, repeats).items():
        taken[name] = [value * works[name][0] for value in values]
    best = statistics.median(taken["this engine"])
    print("| | seconds | tokens of replies a second | times this engine |\n|---|---|---|---|")
    for name, values in taken.items():
        ratio = [v / o for v, o in zip(values, taken["this engine"], strict=True)]
        rate = PEOPLE * TURNS * REPLY / statistics.median(values)
        print(f"| {name} | {spread(values)} | {rate:.0f} | {spread(ratio)} |", flush=True)
    rates = {name: PEOPLE * TURNS * REPLY / statistics.median(v) for name, v in taken.items()}
    return {**rates, "capacity": PEOPLE * TURNS / best}


def steps(opened: OpenModel, matrices: list[torch.Tensor], repeats: int, tokens: int) -> None:
    print(f"\n### A decode step, {tokens} tokens a chat, milliseconds\n")
    print("| chats | bare products | step | step / products |\n|---|---|---|---|")
    for count in (1, 16) if opened.model.device.type == "cpu" else (1, 16, 64):
        asker = Asker(opened, keeps=False, max_running=count)
        for person in range(count):
            asker.ask(words(person, tokens), 8 * repeats + 60)
        while len(asker.engine.step()) < count:
            pass
        works = {"bare": products(matrices, count), "step": asker.engine.step}
        in_turn(works, 3)
        taken = in_turn(works, 8 * repeats)
        ratio = statistics.median(taken["step"]) / statistics.median(taken["bare"])
        cells = [spread(taken[name], 1e3) for name in ("bare", "step")]
        print(f"| {count} | {' | '.join(cells)} | {ratio:.2f} |", flush=True)
        if opened.model.device.type == "cuda":
            bandwidth(opened, asker.engine, matrices, count * (tokens + 20), taken["step"])


def bandwidth(
    opened: OpenModel,
    engine: Engine,
    matrices: list[torch.Tensor],
    tokens: int,
    taken: list[float],
) -> None:
    """The step against reading every weight and every key and value once."""
    device = opened.model.device
    source = torch.empty(1 << 30, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)

    def copying() -> None:
        target.copy_(source)
        settle(device)

    copying()
    speed = 2 * source.nbytes / statistics.median(seconds(copying) for _ in range(20))
    moved = sum(m.nbytes for m in matrices) + tokens * engine.runner.cache.token_nbytes
    part = moved / speed / statistics.median(taken)
    print(f"\ncopying {speed / 1e9:.0f} GB/s; {part:.0%} of the bandwidth bound\n")


def alone(opened: OpenModel, rivals: Rivals, repeats: int) -> None:
    print("\n### One chat alone, 200 tokens and 64 new\n")
    asker, prompt = Asker(opened, keeps=False), words(1, 200)

    def ours() -> None:
        asker.ask(prompt, 64)
        asker.finish()

    def theirs() -> None:
        rivals.ask(one_at_a_time, [prompt], 64)

    name = f"`generate`, {rivals.dtype(one_at_a_time)}"
    taken = in_turn({"this engine": ours, name: theirs}, repeats)
    ratio = [b / a for a, b in zip(*taken.values(), strict=True)]
    print("| | tokens a second |\n|---|---|")
    for name, values in taken.items():
        print(f"| {name} | {spread([64 / v for v in values])} |")
    print(f"\n{spread(ratio, digits=2)} times `generate`", flush=True)


def history(opened: OpenModel, repeats: int) -> None:
    print("\n### Time to the first word by the length of the history, milliseconds\n")
    print("| turn | tokens before | kept | kept, reply encoded anew | nothing kept | kept / not |")
    print("|---|---|---|---|---|---|")
    keeping, bare = Asker(opened), Asker(opened, keeps=False)
    count = 0
    longest = opened.context_length // (QUESTION + REPLY)  # turns that the model can hold
    for turn in (each for each in (2, 4, 7, 10, 20) if each <= longest):
        taken: dict[str, list[float]] = {"kept": [], "anew": [], "not": []}
        for _ in range(repeats):
            count += 1
            last = words(count, (turn - 2) * (QUESTION + REPLY) + QUESTION)
            for name in ("kept", "anew"):
                asked = keeping.ask(last, REPLY, f"{name} {count}")
                reply = keeping.finish()[asked]
                reply = [token ^ (name == "anew") for token in reply]
                prompt = last + reply + words(count + 1, QUESTION)
                taken[name].append(keeping.first_word(prompt, f"{name} {count}"))
            taken["not"].append(bare.first_word(prompt, None))
        ratio = statistics.median(taken["kept"]) / statistics.median(taken["not"])
        cells = " | ".join(spread(values, 1e3, 0) for values in taken.values())
        print(f"| {turn} | {len(prompt) - QUESTION} | {cells} | {ratio:.2f} |", flush=True)


def memory(arguments: argparse.Namespace, dtype: str, batched: str) -> None:
    print("\n### Peak memory of a process that does one turn of 16 people with 500 tokens, MiB\n")
    print("| | MiB |\n|---|---|")
    for kind in ("the model alone", "this engine", "`generate`, static batch of 16"):
        command = [sys.executable, "-m", "benchmarks.engine", arguments.model, "--peak", kind]
        command += ["--device", arguments.device, "--threads", str(arguments.threads)]
        command += ["--dtype", dtype if "batch" not in kind else batched]
        done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603
        print(f"| {kind} | {done.stdout.strip()} |", flush=True)


def peak(opened: OpenModel, kind: str) -> None:
    prompts = [words(person, 540) for person in range(PEOPLE)]
    if kind == "this engine":
        through(Asker(opened), "peak")(prompts)
    elif kind != "the model alone":
        static(opened.model, prompts, REPLY)
    if opened.model.device.type == "cuda":
        print(torch.cuda.max_memory_allocated() >> 20)
    else:
        # Not ru_maxrss: a process begins with that of its parent.
        status = Path("/proc/self/status").read_text().split()
        print(int(status[status.index("VmHWM:") + 1]) >> 10)


def copies(model: GlmForCausalLM, asked: str | None) -> dict[str, GlmForCausalLM]:
    """Copies of a model by floating type: one, or both that a CPU has."""
    names = [asked] if asked else ["float32", "bfloat16"]
    return {name: copy.deepcopy(model).to(getattr(torch, name)) for name in names}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", nargs="?", default="small")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", help="for all; without it each has its faster one")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--parts", nargs="+", default=PARTS, choices=PARTS)
    parser.add_argument("--processor-time", action="store_true", help="needs --threads 1")
    parser.add_argument("--plot")
    parser.add_argument("--peak", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    arguments.on_cuda = arguments.device.startswith("cuda")
    if arguments.on_cuda:
        arguments.dtype = arguments.dtype or "bfloat16"
    if arguments.processor_time and (arguments.threads != 1 or arguments.device != "cpu"):
        parser.error("--processor-time needs --threads 1 and the CPU")
    return arguments


def main() -> None:
    arguments = _arguments()
    torch.set_num_threads(arguments.threads)
    if arguments.processor_time:
        Clock.count_processor_time()
    asked: str | None = arguments.dtype
    opened = make(arguments.model, device=arguments.device, dtype=asked or "float32")
    if arguments.peak:
        if arguments.peak == "this engine":
            pack_if_faster(opened.model, arguments.threads)
        peak(opened, arguments.peak)
        return
    # Copies of the weights: the engine lays its own out anew, and generate_batch changes a model.
    rivals, paged = (Rivals(copies(opened.model, asked)) for _ in range(2))
    config = opened.model.config
    sizes = config.hidden_size, config.intermediate_size
    dtype = asked or str(faster_dtype(*sizes, arguments.threads)).removeprefix("torch.")
    opened.model.to(getattr(torch, dtype))
    run(arguments, opened, rivals, paged, dtype)


def run(
    arguments: argparse.Namespace, opened: OpenModel, rivals: Rivals, paged: Rivals, dtype: str
) -> None:
    """The parts that were asked for, the quick ones first."""
    parts, repeats, on_cuda = arguments.parts, arguments.repeats, arguments.on_cuda
    name = torch.cuda.get_device_name() if on_cuda else f"CPU, {arguments.threads} threads"
    print(f"{arguments.model}, {name}, this engine in {dtype}, torch {torch.__version__}")
    if pack_if_faster(opened.model, arguments.threads):
        print("\nThis engine's weights are packed, as its warm-up chose.")
    if "steps" in parts:
        steps(opened, weights_of(rivals.models[dtype]), repeats, 1000 if on_cuda else 300)
    if "alone" in parts:
        alone(opened, rivals, 3 * repeats)
    if "history" in parts:
        history(opened, repeats)
    if "chats" in parts:
        rates = chats(opened, rivals, paged, repeats)
        rates.pop("capacity")
        if arguments.plot:
            bars(arguments.plot, rates, f"Tokens of replies a second ({name})")
    if "stream" in parts:
        stream(opened, arguments.seconds)
    if "memory" in parts:
        memory(arguments, dtype, rivals.dtype(static))


if __name__ == "__main__":
    main()

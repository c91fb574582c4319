"""Memory and time while ChatGLM2's layout is loaded and laid out for serving, and a step's cost.

    python -m benchmarks.loading [--layers 28] [--hidden 4096] [--shards 7] [--folder DIR]

Writes random float16 shards (12.5 GB at ChatGLM2-6B's size, the default a fraction of that), loads
them in a process of its own for each way of serving: float16 (a GPU's), float32 (a CPU's) and, with
torchao installed, int8. Builds the decoder over them, which lays weights out anew and joins
query, key and value, and prints the peak. Allowed are the weights, a shard, and a copy of the
largest weight.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch

from inference.loading.checkpoint import load_model
from inference.loading.identify import identify
from inference.loading.layout import read_layout
from inference.model.decoder import Segment
from inference.model.model_runner import ModelRunner


def write(folder: Path, *, layers: int, hidden: int, shards: int) -> int:
    """Writes the shards; bytes of the largest."""
    raw = {
        "model_type": "chatglm",
        "padded_vocab_size": 65024,
        "hidden_size": hidden,
        "ffn_hidden_size": hidden * 13696 // 4096,
        "num_layers": layers,
        "num_attention_heads": hidden // 128,
        "multi_query_attention": True,
        "multi_query_group_num": 2,
        "kv_channels": 128,
        "layernorm_epsilon": 1e-5,
        "seq_length": 32768,
        "add_qkv_bias": True,
        "torch_dtype": "float16",
    }
    (folder / "config.json").write_text(json.dumps(raw))
    names, places, largest = list(read_layout(raw).plan().items()), {}, 0
    for number in range(shards):
        file = f"pytorch_model-{number + 1:05d}-of-{shards:05d}.bin"
        held = {}
        for name, planned in names[number * len(names) // shards :][: len(names) // shards + 1]:
            if name in places:
                continue
            held[name] = torch.randn(planned.shape, dtype=torch.float16).mul_(0.02)
            places[name] = file
        torch.save(held, folder / file)
        largest = max(largest, (folder / file).stat().st_size)
    index = {"metadata": {}, "weight_map": places}
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps(index))
    return largest


def resident(field: str) -> int:
    """MiB of a line of /proc/self/status, such as VmHWM, the most that was ever held."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(f"{field}:")).split()[1]) >> 10


def held(model: torch.nn.Module) -> int:
    """Bytes of the weights, those in 8 bits by what they are made of."""
    total = 0
    for weight in model.parameters():
        inner = getattr(weight, "qdata", None)
        total += weight.nbytes if inner is None else inner.nbytes + weight.scale.nbytes
    return total


def load(folder: Path, way: str) -> None:
    """In a process of its own: loads, lays out, decodes a little; prints what it took as JSON."""
    torch.set_num_threads(1)
    warm = torch.randn(512, 512, dtype=torch.float32)
    _ = warm @ warm  # what the libraries take for themselves is there before
    before, started = resident("VmRSS"), time.perf_counter()
    small = way.removeprefix("int8/") if way.startswith("int8") else None
    model = load_model(identify(folder), dtype=small or way, weights="int8" if small else "full")
    loaded_s, loaded = time.perf_counter() - started, resident("VmHWM")
    runner = ModelRunner(model, None)
    found = {
        "before": before,
        "weights": held(model) >> 20,
        "loaded": loaded,
        "peak": resident("VmHWM"),
        "seconds": round(time.perf_counter() - started, 1),
        "load_s": round(loaded_s, 1),
        "largest": max(p.numel() for p in model.parameters()) * runner.dtype.itemsize >> 20,
    }
    if way != "float16":  # a CPU has no products of 16-bit floats worth timing
        for rows in (1, 16):
            found[f"step_{rows}"] = round(step_ms(runner, rows), 1)
    print(json.dumps(found))


@torch.inference_mode()
def step_ms(runner: ModelRunner, rows: int) -> float:
    """The median of a decode step after a short prompt, in ms of processor time."""
    slots = list(range(rows))
    for slot in slots:
        runner.prefill([Segment(slot, [5, 6, 7, 8], 0)])
    taken = []
    for number in range(7):
        started = time.process_time()
        runner.decode(slots, [9] * rows, [4 + number] * rows)
        taken.append(time.process_time() - started)
    return 1000 * statistics.median(taken)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--layers", type=int, default=7)
    parser.add_argument("--hidden", type=int, default=2048)
    parser.add_argument("--shards", type=int, default=7)
    parser.add_argument("--folder", type=Path, help="where the shards go; a temporary folder")
    parser.add_argument("--load", type=Path)
    parser.add_argument("--way", default="float32")
    arguments = parser.parse_args()
    if arguments.load:
        load(arguments.load, arguments.way)
        return
    ways = ["float16", "float32"]
    if importlib.util.find_spec("torchao") is not None:
        ways.append("int8/float32")
    with tempfile.TemporaryDirectory(dir=arguments.folder) as name:
        largest = write(
            Path(name), layers=arguments.layers, hidden=arguments.hidden, shards=arguments.shards
        )
        found = {way: measured(name, way) for way in ways}
    shard = largest >> 20
    print(
        "| weights as | before MiB | weights | largest shard | peak of loading | peak with the "
        "decoder | peak less before | allowed | seconds | step of 1, ms | of 16 |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    fails = False
    for way, got in found.items():
        allowed = got["weights"] + shard + got["largest"]
        most = got["peak"] - got["before"]
        fails |= most > allowed
        print(
            f"| {way} | {got['before']:.0f} | {got['weights']:.0f} | {shard} | {got['loaded']:.0f} "
            f"| {got['peak']:.0f} | **{most:.0f}** | {allowed:.0f} | {got['seconds']} "
            f"| {got.get('step_1', '–')} | {got.get('step_16', '–')} |"
        )
    sys.exit(fails)


def measured(folder: str, way: str) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.loading", "--load", folder, "--way", way]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


if __name__ == "__main__":
    main()

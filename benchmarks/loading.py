"""Memory while ChatGLM2's layout is loaded: never more than the weights and one shard.

    python -m benchmarks.loading [--layers 28] [--hidden 4096] [--shards 7] [--folder DIR]

Writes random float16 shards (12.5 GB at ChatGLM2-6B's size, the default a fraction of that), loads
them in a process of its own and prints the peak.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from accelerate import init_empty_weights  # type: ignore[import-untyped]
from transformers import GlmForCausalLM

from inference.checkpoint import load_model
from inference.layout import chatglm2_config, chatglm2_plan


def write(folder: Path, *, layers: int, hidden: int, shards: int) -> int:
    """Writes the shards; bytes of the largest."""
    raw = {
        "model_type": "chatglm", "padded_vocab_size": 65024, "hidden_size": hidden,
        "ffn_hidden_size": hidden * 13696 // 4096, "num_layers": layers,
        "num_attention_heads": hidden // 128, "multi_query_attention": True,
        "multi_query_group_num": 2, "kv_channels": 128, "layernorm_epsilon": 1e-5,
        "seq_length": 32768, "add_qkv_bias": True, "torch_dtype": "float16",
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(raw))
    config = chatglm2_config(raw)
    with init_empty_weights():
        shapes = {n: tuple(p.shape) for n, p in GlmForCausalLM(config).named_parameters()}
    names, places, largest = list(chatglm2_plan(config).items()), {}, 0
    for number in range(shards):
        file = f"pytorch_model-{number + 1:05d}-of-{shards:05d}.bin"
        held = {}
        for name, targets in names[number * len(names) // shards :][: len(names) // shards + 1]:
            if name in places:
                continue
            first, *others = [shapes[target.name] for target in targets]
            rows = first[0] + sum(other[0] for other in others)
            held[name] = torch.randn(rows, *first[1:], dtype=torch.float16).mul_(0.02)
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


def load(folder: Path) -> None:
    """In a process of its own: loads and prints MiB before, of the weights, and the peak."""
    before = resident("VmRSS")
    model = load_model(folder, dtype="float16")
    weights = sum(p.nbytes for p in model.parameters()) >> 20
    print(before, weights, resident("VmHWM"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--layers", type=int, default=7)
    parser.add_argument("--hidden", type=int, default=2048)
    parser.add_argument("--shards", type=int, default=7)
    parser.add_argument("--folder", type=Path, help="where the shards go; a temporary folder")
    parser.add_argument("--load", type=Path)
    arguments = parser.parse_args()
    if arguments.load:
        load(arguments.load)
        return
    with tempfile.TemporaryDirectory(dir=arguments.folder) as name:
        largest = write(
            Path(name), layers=arguments.layers, hidden=arguments.hidden, shards=arguments.shards
        )
        command = [sys.executable, "-m", "benchmarks.loading", "--load", name]
        done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603
    before, weights, most = map(int, done.stdout.split())
    shard = largest >> 20
    print("| before MiB | weights | largest shard | peak | peak less before | allowed |")
    print("|---|---|---|---|---|---|")
    print(f"| {before} | {weights} | {shard} | {most} | {most - before} | {weights + shard} |")
    sys.exit(most - before > weights + shard)


if __name__ == "__main__":
    main()

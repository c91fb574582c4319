"""Changing a copy of a reference checkpoint."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

INDEX = "pytorch_model.bin.index.json"
FIRST = "pytorch_model-00001-of-00002.bin"
SECOND = "pytorch_model-00002-of-00002.bin"


def edit_json(path: Path, **changes: Any) -> None:
    """Change fields; None takes one away."""
    value = json.loads(path.read_text())
    value.update(changes)
    path.write_text(json.dumps({k: v for k, v in value.items() if v is not None}))


def edit_shard(path: Path, change: Callable[[dict[str, torch.Tensor]], Any]) -> None:
    tensors = torch.load(path, weights_only=True)
    change(tensors)
    torch.save(tensors, path)


def merge_shards(folder: Path) -> dict[str, torch.Tensor]:
    """Return all tensors, and delete shards and index."""
    merged: dict[str, torch.Tensor] = {}
    for name in (FIRST, SECOND):
        merged |= torch.load(folder / name, weights_only=True)
        (folder / name).unlink()
    (folder / INDEX).unlink()
    return merged


def trim_tokenizer(path: Path, size: int) -> None:
    """Keep the first pieces of a SentencePiece model: field 1 of its protobuf, once a piece."""
    data, at, kept, pieces = path.read_bytes(), 0, bytearray(), 0
    while at < len(data):
        start, (tag, at) = at, _varint(data, at)
        assert tag & 7 == 2, "all fields of a SentencePiece model have a length"
        length, at = _varint(data, at)
        at += length
        pieces += tag >> 3 == 1
        if tag >> 3 != 1 or pieces <= size:
            kept += data[start:at]
    path.write_bytes(kept)


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        value |= (data[at] & 127) << shift
        shift += 7
        at += 1
        if data[at - 1] < 128:
            return value, at

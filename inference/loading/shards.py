"""Files that hold tensors: which ones make up a folder, and their tensors one by one.

Nothing that a file holds is ever executed.
"""

import json
import pickle
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open

from inference.requests import CheckpointError

_POINTER = b"version https://git-lfs."


@dataclass(frozen=True, slots=True)
class Shards:
    """The weight files of a folder, in the order of their names.

    Attributes:
        paths: The files.
        names: The tensor names that an index promises, or None without an index.
    """

    paths: tuple[Path, ...]
    names: frozenset[str] | None = None


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        CheckpointError: The file is missing or is not a JSON object.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8-sig"))  # some editors put a BOM first
    except FileNotFoundError as error:
        raise CheckpointError(f"{path} is missing. Copy it from the checkpoint.") from error
    except (OSError, ValueError, RecursionError) as error:
        raise CheckpointError(f"{path} is unreadable. Copy it from the checkpoint.") from error
    if not isinstance(value, dict):
        raise CheckpointError(f"{path} is not a JSON object. Copy it from the checkpoint.")
    return value


def find_shards(folder: Path) -> Shards:
    """Return the weight files of `folder`: safetensors before `.bin`, one file before an index.

    Raises:
        CheckpointError: There are none, or an index names a missing file.
    """
    for stem in ("model.safetensors", "pytorch_model.bin"):
        if (folder / stem).is_file():
            return Shards((folder / stem,))
        if (folder / f"{stem}.index.json").is_file():
            return _indexed(folder, folder / f"{stem}.index.json")
    raise CheckpointError(
        f"{folder} holds no weights: neither model.safetensors nor pytorch_model.bin, nor an index "
        "of shards. Copy all files of the checkpoint there."
    )


def _indexed(folder: Path, index: Path) -> Shards:
    held = read_json(index).get("weight_map")
    if not isinstance(held, dict) or not held or not all(isinstance(v, str) for v in held.values()):
        raise CheckpointError(f"{index} names no shards. Copy it from the checkpoint.")
    files = sorted({file.removeprefix("./") for file in held.values()})
    for file in files:
        if Path(file).name != file:
            raise CheckpointError(f"{index} points outside its folder. Do not use this checkpoint.")
    missing = [file for file in files if not (folder / file).is_file()]
    if missing:
        raise CheckpointError(
            f"{len(missing)} of {len(files)} shards are missing in {folder}, the first is "
            f"{missing[0]}. Copy them from the checkpoint."
        )
    return Shards(tuple(folder / file for file in files), frozenset(held))


def read_shard(path: Path) -> Iterator[tuple[str, torch.Tensor]]:
    """Yield tensors of one file by name, on the CPU; each may be a view of mapped pages.

    Raises:
        CheckpointError: The file is damaged, cut short or holds more than tensors.
    """
    if path.suffix == ".safetensors":
        yield from _read_safetensors(path)
    else:
        tensors = _load_pickle(path)
        for name in list(tensors):
            yield name, tensors.pop(name)


def _damaged(path: Path) -> CheckpointError:
    if path.is_file():
        with path.open("rb") as file:
            if file.read(len(_POINTER)) == _POINTER:
                return CheckpointError(
                    f"{path} is a Git LFS pointer, not the weights. Run `git lfs pull` in its "
                    "repository."
                )
    size = path.stat().st_size if path.exists() else 0
    return CheckpointError(
        f"{path} is damaged or cut short ({size:,} bytes). Download it again and compare its size "
        "with the source."
    )


def _read_safetensors(path: Path) -> Iterator[tuple[str, torch.Tensor]]:
    try:
        with safe_open(path, framework="pt") as file:
            for name in file.keys():  # noqa: SIM118  a handle, not a mapping
                yield name, file.get_tensor(name)
    except (SafetensorError, OSError) as error:
        raise _damaged(path) from error


def _load_pickle(path: Path) -> dict[str, torch.Tensor]:
    in_zip = zipfile.is_zipfile(path)  # the format of torch.save since 1.6; only it can be mapped
    try:
        held = torch.load(path, map_location="cpu", weights_only=True, mmap=in_zip)
    except pickle.UnpicklingError as error:
        if not in_zip:
            raise _damaged(path) from error
        raise CheckpointError(
            f"{path} holds more than tensors and was refused, as it could run code. Use a "
            "checkpoint from its publisher, or its safetensors form."
        ) from error
    except (RuntimeError, EOFError, OSError, ValueError, KeyError, AttributeError) as error:
        raise _damaged(path) from error
    tensors = held if isinstance(held, dict) else {}
    if not tensors or not all(isinstance(t, torch.Tensor) for t in tensors.values()):
        raise CheckpointError(f"{path} holds no tensors by name. Copy it from the checkpoint.")
    return tensors

"""The tensors of a weight file, one by one."""

import pickle
import zipfile
from collections.abc import Iterator
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open

from inference.loading.weight_files import damaged


def read_shard(path: Path) -> Iterator[tuple[str, torch.Tensor]]:
    """Yield tensors of one file by name, on the CPU; each may be a view of mapped pages.

    `read_headers` has found nothing but tensors in it.

    Raises:
        CheckpointError: The file is damaged or cut short.
    """
    if path.suffix == ".safetensors":
        yield from _read_safetensors(path)
    else:
        tensors = _load_pickle(path)
        for name in list(tensors):
            yield name, tensors.pop(name)


def _read_safetensors(path: Path) -> Iterator[tuple[str, torch.Tensor]]:
    try:
        with safe_open(path, framework="pt") as file:
            for name in file.keys():  # noqa: SIM118  a handle, not a mapping
                yield name, file.get_tensor(name)
    except (SafetensorError, OSError) as error:
        raise damaged(path) from error


def _load_pickle(path: Path) -> dict[str, torch.Tensor]:
    in_zip = zipfile.is_zipfile(path)  # the format of torch.save since 1.6; only it can be mapped
    try:
        tensors: dict[str, torch.Tensor] = torch.load(
            path, map_location="cpu", weights_only=True, mmap=in_zip
        )
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError, ValueError, KeyError) as error:
        raise damaged(path) from error
    return tensors

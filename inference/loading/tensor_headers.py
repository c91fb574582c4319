"""Names, shapes and types of the tensors of a file, read without loading them and without torch."""

import json
import math
import pickle
import re
import zipfile
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, NamedTuple

from inference.loading.weight_files import damaged
from inference.requests import CheckpointError

# Longer than any checkpoint's header; a larger one would only cost memory.
_LONGEST_HEADER = 100_000_000
_TYPES = {
    "F64": "float64",
    "F32": "float32",
    "F16": "float16",
    "BF16": "bfloat16",
    "I8": "int8",
    "U8": "uint8",
    "I32": "int32",
}
_STORAGES = {
    "DoubleStorage": "float64",
    "FloatStorage": "float32",
    "HalfStorage": "float16",
    "BFloat16Storage": "bfloat16",
    "CharStorage": "int8",
    "ByteStorage": "uint8",
    "IntStorage": "int32",
}
_BYTES = {"float64": 8, "float32": 4, "float16": 2, "bfloat16": 2}
# What stands around tensors in a file of torch's. It is noted by name and never called.
_TORCH = re.compile(r"_rebuild_tensor(_v2)?|_rebuild_parameter|\w*Storage|Size|b?float\d*|u?int\d*")


class StoredTensor(NamedTuple):
    """A tensor as a file describes it.

    Attributes:
        shape: Its sizes.
        dtype: Its type, such as `float16`, or the file's own name of another.
    """

    shape: tuple[int, ...]
    dtype: str

    @property
    def is_float(self) -> bool:
        """Whether it holds floating numbers that a model can compute with."""
        return self.dtype in _BYTES


def read_headers(path: Path) -> dict[str, StoredTensor]:
    """Return the tensors of a weight file by name.

    Raises:
        CheckpointError: The file is damaged, cut short or holds more than tensors.
    """
    try:
        if path.suffix == ".safetensors":
            return _safetensors(path)
        return _pickled(path)
    except pickle.UnpicklingError as error:
        if not zipfile.is_zipfile(path):
            raise damaged(path) from error
        raise CheckpointError(
            f"{path} holds more than tensors and was refused, as it could run code. Use a "
            "checkpoint from its publisher, or its safetensors form."
        ) from error
    except CheckpointError:
        raise
    except Exception as error:  # bytes that are no header fail in many ways
        raise damaged(path) from error


def _safetensors(path: Path) -> dict[str, StoredTensor]:
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if length > _LONGEST_HEADER:
            raise damaged(path)
        held = json.loads(file.read(length))
    held.pop("__metadata__", None)
    end = max((tensor["data_offsets"][1] for tensor in held.values()), default=0)
    if path.stat().st_size != 8 + length + end:
        raise damaged(path)
    return {
        name: StoredTensor(tuple(map(int, each["shape"])), _TYPES.get(each["dtype"], each["dtype"]))
        for name, each in held.items()
    }


def _pickled(path: Path) -> dict[str, StoredTensor]:
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            (name,) = (n for n in archive.namelist() if n.endswith("/data.pkl"))
            if archive.getinfo(name).file_size > _LONGEST_HEADER:
                raise damaged(path)
            with archive.open(name) as file:
                reader = _Reader(file)
                held = reader.load()
    else:
        with path.open("rb") as file:  # as before torch 1.6: three values, then the tensors
            for _ in range(3):
                _Reader(file).load()
            reader = _Reader(file)
            held = reader.load()
    if sum(reader.nbytes.values()) > path.stat().st_size:
        raise damaged(path)
    return _only_tensors(path, held)


def _only_tensors(path: Path, held: object) -> dict[str, StoredTensor]:
    items = dict(held) if isinstance(held, Mapping) else {}
    if items and all(isinstance(value, StoredTensor) for value in items.values()):
        return {str(name): value for name, value in items.items()}
    for key, value in items.items():
        inner = value.values() if isinstance(value, Mapping) else ()
        if inner and all(isinstance(each, StoredTensor) for each in inner):
            raise CheckpointError(
                f"{path} holds its weights under {key!r}, as a training program saves them. Save "
                f"that part alone: `torch.save(torch.load(file)[{key!r}], file)`."
            )
    raise CheckpointError(f"{path} holds no tensors by name. Copy it from the checkpoint.")


class _Noted:
    """A name of torch's that stands in a file."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, *arguments: Any) -> Any:
        """Return the tensor that torch would build of these arguments."""
        if self.name.startswith("_rebuild_tensor"):
            return StoredTensor(tuple(map(int, arguments[2])), arguments[0].dtype)
        return arguments[0] if arguments else None


class _Reader(pickle.Unpickler):
    """Reads a file of torch's without torch; any other name in it ends the reading."""

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__(file)
        self.nbytes: dict[object, int] = {}

    def find_class(self, module: str, name: str) -> Any:
        """Return a stand-in for torch's own names, and refuse all others."""
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if module.partition(".")[0] == "torch" and _TORCH.fullmatch(name):
            return _Noted(name)
        raise pickle.UnpicklingError(f"{module}.{name}")

    def persistent_load(self, pid: Any) -> StoredTensor:
        """Return the storage that a tensor is a window on."""
        _, storage, key, _, count, *_ = pid
        dtype = _STORAGES.get(storage.name, storage.name)
        self.nbytes[key] = math.prod((int(count), _BYTES.get(dtype, 1)))
        return StoredTensor((int(count),), dtype)

"""The files of a checkpoint as they lie: JSON, and which weight files belong together.

No tensor is loaded. Nothing that a file holds is ever executed.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inference.requests import CheckpointError

_POINTER = b"version https://git-lfs."
STEMS = ("model.safetensors", "pytorch_model.bin")


@dataclass(frozen=True, slots=True)
class Shards:
    """The weight files of a folder, in the order of their names.

    Attributes:
        paths: The files.
        names: The tensor names that an index promises, or None without an index.
    """

    paths: tuple[Path, ...]
    names: frozenset[str] | None = None


def unreadable(path: Path, otherwise: str) -> CheckpointError:
    """Return the error of a file that cannot be read, by what lies there instead.

    Args:
        path: The file.
        otherwise: What to say if nothing more is known, as a sentence and its remedy.
    """
    try:
        with path.open("rb") as file:
            start = file.read(256).lstrip()
    except OSError as error:
        why = error.strerror or type(error).__name__
        return CheckpointError(f"{path} cannot be opened ({why}). Check the file and its rights.")
    if start.startswith(_POINTER):
        return CheckpointError(
            f"{path} is a Git LFS pointer, not the file itself. Run `git lfs pull` in its "
            "repository."
        )
    if start.lower().startswith((b"<!doctype", b"<html", b"<?xml")):
        return CheckpointError(
            f"{path} is a web page, as a download with a wrong address or without a right leaves "
            "it. Download the file again."
        )
    return CheckpointError(f"{path} {otherwise}")


def damaged(path: Path) -> CheckpointError:
    """Return the error of a weight file that is damaged or cut short."""
    size = path.stat().st_size if path.exists() else 0
    return unreadable(
        path,
        f"is damaged or cut short ({size:,} bytes). Download it again and compare its size with "
        "the source.",
    )


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
        raise unreadable(path, "is unreadable. Copy it from the checkpoint.") from error
    if not isinstance(value, dict):
        raise CheckpointError(f"{path} is not a JSON object. Copy it from the checkpoint.")
    return value


def find_shards(folder: Path) -> Shards:
    """Return the weight files of `folder`: safetensors before `.bin`, one file before an index.

    A form that is not complete is passed over if another is.

    Raises:
        CheckpointError: There are none, or an index names a missing file.
    """
    faults: list[CheckpointError] = []
    for stem in STEMS:
        try:
            if (folder / stem).is_file():
                if _is_pointer(folder / stem):
                    raise damaged(folder / stem)
                return Shards((folder / stem,))
            if (folder / f"{stem}.index.json").is_file():
                return _indexed(folder, folder / f"{stem}.index.json")
        except CheckpointError as error:
            faults.append(error)
    if faults:
        raise faults[0]
    raise CheckpointError(_no_weights(folder))


def indexed_files(index: Path) -> dict[str, str]:
    """Return the file of every tensor that an index names.

    Raises:
        CheckpointError: It names none, or one outside its folder.
    """
    held = read_json(index).get("weight_map")
    if not isinstance(held, dict) or not held or not all(isinstance(v, str) for v in held.values()):
        raise CheckpointError(f"{index} names no shards. Copy it from the checkpoint.")
    files = {name: file.removeprefix("./") for name, file in held.items()}
    if any(Path(file).name != file for file in files.values()):
        raise CheckpointError(f"{index} points outside its folder. Do not use this checkpoint.")
    return files


def _indexed(folder: Path, index: Path) -> Shards:
    held = indexed_files(index)
    files = sorted(set(held.values()))
    missing = [file for file in files if not (folder / file).is_file()]
    if missing:
        raise CheckpointError(
            f"{len(missing)} of {len(files)} shards are missing in {folder}, the first is "
            f"{missing[0]}. Copy them from the checkpoint."
        )
    for file in files:
        if _is_pointer(folder / file):
            raise damaged(folder / file)
    return Shards(tuple(folder / file for file in files), frozenset(held))


def _is_pointer(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(_POINTER)) == _POINTER


# Weights that other programs read, by the end of their names.
_FOREIGN = {
    ".gguf": "llama.cpp",
    "ggml-model.bin": "chatglm.cpp",
    ".ggml": "chatglm.cpp",
    ".flm": "fastllm",
    ".npz": "MLX",
    ".onnx": "ONNX Runtime",
    "openvino_model.bin": "OpenVINO",
    ".mnn": "MNN",
    ".engine": "TensorRT",
    ".h5": "TensorFlow",
    ".msgpack": "Flax",
    ".ckpt": "MindSpore or a training program",
    ".pdparams": "PaddlePaddle",
    "model_states.pt": "DeepSpeed",
    ".distcp": "PyTorch's distributed checkpoints",
}
_UNFINISHED = (".incomplete", ".part", ".crdownload", ".aria2", ".tmp", "____temp")


def _no_weights(folder: Path) -> str:
    names = sorted(path.name for path in folder.iterdir())
    for name in names:
        if name.endswith(_UNFINISHED):
            return (
                f"{folder} holds no weights: {name} is a download that has not ended. Download it "
                "again."
            )
        for end, program in _FOREIGN.items():
            if name.endswith(end):
                return (
                    f"{folder} holds weights for {program} ({name}), which are not supported. Use "
                    "the checkpoint in transformers' form (safetensors or .bin)."
                )
    for stem in STEMS:
        head, _, tail = stem.partition(".")
        shards = [n for n in names if n.startswith(f"{head}-") and n.endswith(f".{tail}")]
        if shards:
            return (
                f"{folder} holds shards ({shards[0]}) and no index of them. Copy {stem}.index.json "
                "from the checkpoint."
            )
    return (
        f"{folder} holds no weights: neither model.safetensors nor pytorch_model.bin, nor an index "
        "of shards. Copy all files of the checkpoint there."
    )

"""What to do with a folder that is not a checkpoint: where the checkpoint is instead."""

from collections.abc import Iterator
from pathlib import Path

from inference.loading.weight_files import find_shards
from inference.requests import CheckpointError

# Entries that are looked at; a folder with more is not a place for models.
_MOST_ENTRIES = 500


def describe_other(path: Path) -> str:
    """Return what a path without a checkpoint is, and what to give instead."""
    return next(_descriptions(path))


def _descriptions(path: Path) -> Iterator[str]:
    if not path.is_dir():
        is_packed = path.suffix.lower() in {".zip", ".gz", ".tar", ".7z", ".xz", ".rar"}
        if is_packed:
            yield f"{path} is an archive. Unpack it and give the folder with config.json."
        yield f"{path} is a file. Give the folder that it is in."
    snapshots = sorted(path.glob("snapshots/*"), key=lambda each: each.stat().st_mtime)
    if snapshots:
        yield (
            f"{path} is the hub's own folder of a repository. Give the folder of its files, "
            f"{_current(path, snapshots)}, or the name of the repository."
        )
    runs = sorted(path.glob("checkpoint-*"), key=lambda each: _number(each.name))
    if runs:
        yield (
            f"{path} is the output of a training run, and its checkpoints are in folders below. "
            f"Give one of them, such as the last, {runs[-1]}."
        )
    below = [folder for folder in _below(path) if _holds_checkpoint(folder)]
    if below:
        others = f" ({len(below)} folders below hold one)" if len(below) > 1 else ""
        yield f"{path} holds no checkpoint itself{others}. Give the folder {below[0]}."
    try:
        find_shards(path)
    except CheckpointError as error:
        yield str(error)
    except OSError as error:
        yield f"{path} cannot be read ({error.strerror}). Check its rights."
    yield f"{path / 'config.json'} is missing. Copy it from the checkpoint."


def _holds_checkpoint(folder: Path) -> bool:
    names = ("config.json", "adapter_config.json", "pytorch_model.bin")
    return any((folder / name).is_file() for name in names)


def _below(path: Path) -> Iterator[Path]:
    """Yield folders up to three levels below, the nearest first."""
    level = [path]
    for _ in range(4):
        entries = [entry for folder in level for entry in _entries(folder)]
        level = [entry for entry in entries[:_MOST_ENTRIES] if entry.is_dir()]
        yield from level


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _current(path: Path, snapshots: list[Path]) -> Path:
    ref = path / "refs" / "main"
    named = path / "snapshots" / ref.read_text("utf-8").strip() if ref.is_file() else snapshots[-1]
    return named if named.is_dir() else snapshots[-1]


def _number(name: str) -> int:
    digits = name.rpartition("-")[2]
    return int(digits) if digits.isascii() and digits.isdigit() else -1

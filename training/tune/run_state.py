"""The folder `state/` beside a prefix: what a run that was stopped goes on from."""

from __future__ import annotations

import json
import os
from pathlib import Path

from training.tune.settings import TuningError

_SETTINGS = "settings.json"
# transformers writes it last, so a checkpoint that holds it is whole.
_LAST_FILE = "trainer_state.json"


def open_run(out: Path, kept: dict[str, str], *, is_resumed: bool) -> Path | None:
    """Prepare the folder of a run.

    Args:
        out: The folder that the prefix is written to.
        kept: See `TuningSettings.kept`.
        is_resumed: Whether to go on with the run there.

    Returns:
        The checkpoint to go on from, or None to start.

    Raises:
        TuningError: The folder is in use or holds another run.
        OSError: The folder cannot be written.
    """
    path = state_folder(out) / _SETTINGS
    if not is_resumed:
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise TuningError(f"{out} exists. Use --resume to go on with it, or another --out.")
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, json.dumps(kept, indent=2).encode())
        return None
    try:
        before = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        raise TuningError(
            f"{out} holds no run to go on with. Leave --resume out to start one."
        ) from None
    for name, value in kept.items():
        if before.get(name) != value:
            raise TuningError(
                f"{name}: the run in {out} was started with {before.get(name)}, not with {value}. "
                "Give the same, or start another run in another --out."
            )
    return _newest(path.parent)


def state_folder(out: Path) -> Path:
    """Return the folder that checkpoints are written to."""
    return out / "state"


def write_whole(path: Path, content: bytes) -> None:
    """Write a file under another name and move it, so that it is never there in part."""
    beside = path.with_name(f".{path.name}.part")
    try:
        with beside.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def _newest(folder: Path) -> Path | None:
    whole = [each for each in folder.glob("checkpoint-*") if _is_whole(each)]
    return max(whole, key=lambda each: int(each.name.rpartition("-")[2]), default=None)


def _is_whole(checkpoint: Path) -> bool:
    try:
        json.loads((checkpoint / _LAST_FILE).read_text("utf-8"))
    except (OSError, ValueError):
        return False
    return checkpoint.name.rpartition("-")[2].isdecimal()

"""The folder behind a path or a hub name; downloads where it must. Imports no torch.

So a name that is wrong is said at once, not after the heavy modules are loaded. Knows nothing of
what the files hold.
"""

from __future__ import annotations

import re
from pathlib import Path

from inference.requests import CheckpointError

_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+(@[\w./-]+)?")


def fetch(name: str) -> Path:
    """The folder behind a path or a hub name (``owner/name`` or ``owner/name@revision``).

    A hub repository is downloaded once into the hub's own cache; only weights, configuration and
    ``tokenizer.model`` are fetched, no code.

    Raises:
        CheckpointError: There is no such folder and nothing by this name can be had.
    """
    folder = Path(name).expanduser()
    if folder.is_dir():
        return folder
    if not _HUB_NAME.fullmatch(name):
        raise CheckpointError(f"There is no folder {name}. Give a folder or a hub name.")
    repository, _, revision = name.partition("@")
    try:
        return _download(repository, revision or None)
    except Exception as error:  # the hub's client raises its own, the network's and the disk's
        raise CheckpointError(
            f"{name} is no folder here and could not be downloaded ({type(error).__name__}). "
            "Check the name and the connection, or copy the repository's files to a folder and "
            "give that folder."
        ) from error


def _download(repository: str, revision: str | None) -> Path:
    """Fetches the small files, then one form of the weights, safetensors if there is a choice."""
    from huggingface_hub import HfApi, snapshot_download

    small = ["*.json", "tokenizer.model"]
    try:
        listed = HfApi().list_repo_files(repository, revision=revision)
        form = "*.safetensors" if any(f.endswith(".safetensors") for f in listed) else "*.bin"
    except Exception:  # out of reach, however the client says it: what an earlier run has left
        patterns = [*small, "*.safetensors", "*.bin"]
        return Path(
            snapshot_download(
                repository, revision=revision, allow_patterns=patterns, local_files_only=True
            )
        )
    return Path(snapshot_download(repository, revision=revision, allow_patterns=[*small, form]))

"""The folder behind a path or a hub name, found before the heavy modules are loaded."""

import re
from pathlib import Path

from inference.requests import CheckpointError

_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+(@[\w./-]+)?")


def fetch(name: str) -> Path:
    """Return the folder behind a path or a hub name (`owner/name` or `owner/name@revision`).

    A hub repository is downloaded once into the hub's own cache. Only weights, configuration and
    `tokenizer.model` are fetched, no code.

    Raises:
        CheckpointError: There is no such folder, and nothing by this name can be downloaded.
    """
    folder = Path(name).expanduser()
    if folder.is_dir():
        return folder
    if not _HUB_NAME.fullmatch(name):
        raise CheckpointError(
            f"{name}: there is no folder here of this name. Give a folder or a hub name."
        )
    repository, _, revision = name.partition("@")
    try:
        return _download(repository, revision or None)
    except Exception as error:  # the hub's client raises its own, the network's and the disk's
        raise CheckpointError(
            f"{name}: it is not a folder here and could not be downloaded "
            f"({type(error).__name__}). "
            "Check the name and the connection, or copy the repository's files to a folder and "
            "give that folder."
        ) from error


def _download(repository: str, revision: str | None) -> Path:
    """Fetch the small files and one form of the weights, safetensors if there is a choice."""
    from huggingface_hub import HfApi, snapshot_download

    small = ["*.json", "tokenizer.model"]
    try:
        listed = HfApi().list_repo_files(repository, revision=revision)
        form = "*.safetensors" if any(f.endswith(".safetensors") for f in listed) else "*.bin"
    except Exception:  # offline, whatever error the client raises: use what an earlier run left
        patterns = [*small, "*.safetensors", "*.bin"]
        return Path(
            snapshot_download(
                repository, revision=revision, allow_patterns=patterns, local_files_only=True
            )
        )
    return Path(snapshot_download(repository, revision=revision, allow_patterns=[*small, form]))

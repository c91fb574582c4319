"""Files and folders that only the service's own user may read."""

import os
import stat
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

_FILE, _FOLDER, _OTHERS = 0o600, 0o700, 0o077


@dataclass(frozen=True, slots=True)
class Narrowed:
    """Files that others could use.

    Attributes:
        done: files that are private now.
        left: files whose permissions could not be changed.
    """

    done: tuple[Path, ...]
    left: tuple[Path, ...]


def make_folder(folder: Path) -> None:
    """Create a folder and its missing parents, regardless of the umask."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    with suppress(FileExistsError):  # another process has just created it, also private
        folder.mkdir(_FOLDER)
        folder.chmod(_FOLDER)


def create(path: Path) -> IO[bytes]:
    """Open a new file for writing in place of an older one, without following a link."""
    path.unlink(missing_ok=True)
    number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _FILE)
    _set_rights(number)
    return os.fdopen(number, "wb")


def ensure(path: Path) -> None:
    """Create an empty file if it does not exist."""
    with suppress(FileExistsError):
        number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _FILE)
        _set_rights(number)
        os.close(number)


def narrow(files: Iterable[Path]) -> Narrowed:
    """Remove the permissions of others from existing files."""
    open_files = [file for file in files if is_open_to_others(file)]
    for file in open_files:
        with suppress(OSError):  # another user's file, or a read-only disk
            file.chmod(file.stat().st_mode & _FILE)
    left = tuple(file for file in open_files if is_open_to_others(file))
    return Narrowed(tuple(file for file in open_files if file not in left), left)


def is_open_to_others(path: Path) -> bool:
    """Return whether users other than the owner have any permission on an existing path."""
    try:
        return os.name == "posix" and bool(stat.S_IMODE(path.stat().st_mode) & _OTHERS)
    except OSError:
        return False


def _set_rights(number: int) -> None:
    if hasattr(os, "fchmod"):  # the umask may have removed the owner's permissions too
        os.fchmod(number, _FILE)

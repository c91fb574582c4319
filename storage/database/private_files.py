"""Makes files and folders that the service's own user alone may read."""

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
    """Tell what became of files that others could use.

    Attributes:
        done: Their rights are narrow now.
        left: Their rights could not be changed.
    """

    done: tuple[Path, ...]
    left: tuple[Path, ...]


def make_folder(folder: Path) -> None:
    """Make a folder and those above it, if they are missing, whatever the umask is."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    with suppress(FileExistsError):  # another process was faster, and made it as private
        folder.mkdir(_FOLDER)
        folder.chmod(_FOLDER)


def create(path: Path) -> IO[bytes]:
    """Open a new file to write, in place of an older one; a link is replaced, not followed."""
    path.unlink(missing_ok=True)
    number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _FILE)
    _set_rights(number)
    return os.fdopen(number, "wb")


def ensure(path: Path) -> None:
    """Make an empty file if there is none."""
    with suppress(FileExistsError):
        number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _FILE)
        _set_rights(number)
        os.close(number)


def narrow(files: Iterable[Path]) -> Narrowed:
    """Take the rights of others away from the files that are there."""
    open_files = [each for each in files if is_open_to_others(each)]
    for each in open_files:
        with suppress(OSError):  # another user's, or a disk that is read only
            each.chmod(each.stat().st_mode & _FILE)
    left = tuple(each for each in open_files if is_open_to_others(each))
    return Narrowed(tuple(each for each in open_files if each not in left), left)


def is_open_to_others(path: Path) -> bool:
    """Say whether others than the owner may do anything with a file or folder that is there."""
    try:
        return os.name == "posix" and bool(stat.S_IMODE(path.stat().st_mode) & _OTHERS)
    except OSError:
        return False


def _set_rights(number: int) -> None:
    if hasattr(os, "fchmod"):  # the umask may have taken the owner's rights too
        os.fchmod(number, _FILE)

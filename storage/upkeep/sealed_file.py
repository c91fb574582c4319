"""The file format of backups: sealed rows, read back only if the file is complete.

A file begins with a line of clear JSON (format, time, schema, key fingerprint). Frames follow, each
four bytes of length and sealed, compressed JSON. The last frame is empty, which shows that the file
is complete.
"""

import base64
import json
import os
import zlib
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from storage.database import private_files
from storage.database.connection import StorageError
from storage.database.vault import UnsealError, Vault, seal, unseal

FORMAT = 1
LONGEST_FRAME = 256 * 2**20
Frames = Generator[tuple[str, list[dict[str, Any]]], None, None]


@dataclass(frozen=True, slots=True)
class Header:
    """The clear first line of a file."""

    holds: str
    made_at: str
    revision: str
    master: str


class FrameWriter:
    """Write a file's header and sealed frames."""

    def __init__(self, file: IO[bytes], key: bytes, header: Header) -> None:
        self._file = file
        self._key = key
        self._id = header.made_at
        self._count = 0
        clear = {"pica": FORMAT, **{name: getattr(header, name) for name in header.__slots__}}
        file.write(json.dumps(clear).encode() + b"\n")

    def write(self, table: str, rows: list[dict[str, Any]]) -> None:
        """Add a frame of rows."""
        plain = json.dumps([table, [_packed(row) for row in rows]]).encode()
        self._frame(zlib.compress(plain))

    def end(self) -> None:
        """Add the empty frame that ends a complete file."""
        self._frame(b"")

    def _frame(self, plain: bytes) -> None:
        sealed = seal(self._key, plain, f"archive:{self._id}:{self._count}")
        self._file.write(len(sealed).to_bytes(4, "big") + sealed)
        self._count += 1


def read(path: Path, holds: str, vault: Vault) -> tuple[Header, Frames]:
    """Open a file that holds `rows` or `keys`, and return its header and frames.

    The frames are read lazily.

    Raises:
        StorageError: the file is of another kind, or a frame is missing or damaged.
        SecretKeyError: it was written with another PICA_SECRET_KEY.
    """
    try:
        with path.open("rb") as file:
            clear = json.loads(file.readline(10_000))
        if clear.pop("pica") != FORMAT:
            raise KeyError
        header = Header(**clear)
    except FileNotFoundError:
        raise StorageError(f"{path} does not exist. Check the path.") from None
    except (OSError, ValueError, KeyError, TypeError):
        raise StorageError(f"{path} is not a PICA companion backup. Check the path.") from None
    if header.holds != holds:
        raise StorageError(f"{path} holds {header.holds}. Choose a file that holds {holds}.")
    return header, _frames(path, vault.archive_key(header.master), header)


def _frames(path: Path, key: bytes, header: Header) -> Frames:
    with path.open("rb") as file:
        file.readline()
        count = 0
        while True:
            length = int.from_bytes(file.read(4), "big")
            if not 0 < length <= LONGEST_FRAME:
                raise StorageError(f"{path} is incomplete or damaged. Use another copy.")
            try:
                plain = unseal(key, file.read(length), f"archive:{header.made_at}:{count}")
            except UnsealError:
                raise StorageError(f"{path} is incomplete or damaged. Use another copy.") from None
            if not plain:
                if file.read(1):
                    raise StorageError(f"{path} goes on behind its end. Use another copy.")
                return
            name, rows = json.loads(zlib.decompress(plain))
            yield name, [_unpacked(row) for row in rows]
            count += 1


def _packed(row: dict[str, Any]) -> dict[str, Any]:
    return {name: _pack(value) for name, value in row.items()}


def _pack(value: Any) -> Any:
    if isinstance(value, bytes):
        return {"bytes": base64.b64encode(value).decode()}
    if isinstance(value, datetime):
        return {"time": value.isoformat()}
    return value


def _unpacked(row: dict[str, Any]) -> dict[str, Any]:
    return {name: _unpack(value) for name, value in row.items()}


def _unpack(value: Any) -> Any:
    if isinstance(value, dict):
        if "bytes" in value:
            return base64.b64decode(value["bytes"])
        return datetime.fromisoformat(value["time"])
    return value


@contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """Write a private file completely or not at all."""
    fresh = path.with_name(f"{path.name}.{os.getpid()}.new")  # another process may write too
    try:
        private_files.make_folder(path.parent)
        with private_files.create(fresh) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except OSError as error:
        with suppress(OSError):
            fresh.unlink(missing_ok=True)
        raise StorageError(f"{path} cannot be written: {error.strerror}") from error
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise

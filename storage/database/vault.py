"""Secret keys and sealing with AES-256-GCM, with one data key per owner.

A data key is random and seals everything its owner said. It is stored wrapped with the service's
secret key (`PICA_SECRET_KEY`). Destroying it erases its owner's text in every copy.

AES-GCM with random 96-bit nonces is safe for about 2^32 messages per key (NIST SP 800-38D, 8.3).
A data key serves one person.
"""

import base64
import binascii
import hashlib
import secrets
from collections import OrderedDict
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_BYTES = 32
NONCE_BYTES = 12
VERSION = b"\x01"


class SecretKeyError(Exception):
    """The secret key is missing, malformed or the wrong one.

    The message says what to do and never contains the key.
    """


class UnsealError(Exception):
    """Sealed bytes do not open: wrong key, wrong place or damaged bytes."""


def seal(key: bytes, plain: bytes, place: str) -> bytes:
    """Encrypt bytes so that they open only with this key and at this place.

    Args:
        key: 32 bytes.
        plain: the bytes to encrypt.
        place: the column and owner (`turns.words:7`). Sealed bytes cannot move to another.
    """
    nonce = secrets.token_bytes(NONCE_BYTES)
    return VERSION + nonce + AESGCM(key).encrypt(nonce, plain, place.encode())


def unseal(key: bytes, sealed: bytes, place: str) -> bytes:
    """Decrypt bytes that `seal` encrypted.

    Raises:
        UnsealError: the key or place is wrong, or the bytes are damaged.
    """
    if sealed[:1] != VERSION:
        raise UnsealError("sealed bytes have an unknown version")
    nonce, hidden = sealed[1 : 1 + NONCE_BYTES], sealed[1 + NONCE_BYTES :]
    try:
        return AESGCM(key).decrypt(nonce, hidden, place.encode())
    except (InvalidTag, ValueError):
        raise UnsealError("sealed bytes do not open with this key") from None


def new_secret_key() -> str:
    """Generate a value for PICA_SECRET_KEY."""
    return base64.urlsafe_b64encode(secrets.token_bytes(KEY_BYTES)).decode()


def _derive(secret: bytes, purpose: str) -> bytes:
    """Derive a purpose's key from a secret with HKDF-SHA256 (RFC 5869)."""
    return HKDF(hashes.SHA256(), KEY_BYTES, salt=None, info=purpose.encode()).derive(secret)


class Vault:
    """The service's secret keys and the data keys open in memory.

    Args:
        secrets_: the secret keys, newest first. The newest wraps, and all of them unwrap.
    """

    CAPACITY = 20_000

    def __init__(self, secrets_: Sequence[bytes]) -> None:
        if not secrets_:
            raise SecretKeyError("PICA_SECRET_KEY is not set. `pica key new` prints a new key.")
        self._wrapping = {fingerprint(key): _derive(key, "pica data keys") for key in secrets_}
        self._archive = {fingerprint(key): _derive(key, "pica archives") for key in secrets_}
        self.master = fingerprint(secrets_[0])
        self._open: OrderedDict[int, bytes] = OrderedDict()

    @classmethod
    def parse(cls, text: str) -> "Vault":
        """Parse PICA_SECRET_KEY.

        The text is one or more keys of 32 bytes in base64, separated by commas, newest first.

        Raises:
            SecretKeyError: a key is missing or malformed.
        """
        return cls([_decoded(part.strip()) for part in text.split(",") if part.strip()])

    def wrap(self, data_key: bytes, owner: int) -> bytes:
        """Wrap a data key with the newest secret key."""
        return seal(self._wrapping[self.master], data_key, f"data_keys:{owner}")

    def unwrap(self, wrapped: bytes, master: str, owner: int) -> bytes:
        """Unwrap a data key.

        Raises:
            SecretKeyError: the secret key that wrapped it is not among PICA_SECRET_KEY.
        """
        try:
            return unseal(self._key_of(self._wrapping, master), wrapped, f"data_keys:{owner}")
        except UnsealError:
            raise SecretKeyError(
                "PICA_SECRET_KEY does not open this database's keys, because they are damaged. "
                "Restore a backup."
            ) from None

    def archive_key(self, master: str | None = None) -> bytes:
        """Return the key of backups made with a secret key, by default the newest."""
        return self._key_of(self._archive, master or self.master)

    @staticmethod
    def _key_of(keys: dict[str, bytes], master: str) -> bytes:
        if master not in keys:
            raise SecretKeyError(
                "PICA_SECRET_KEY is not the key that this was written with (fingerprint "
                f"{master}). Set that key, or add it after the new one and a comma."
            )
        return keys[master]

    def held(self, owner: int) -> bytes | None:
        """Return the owner's data key if it is open in memory, else None."""
        if (key := self._open.get(owner)) is not None:
            self._open.move_to_end(owner)
        return key

    def hold(self, owner: int, data_key: bytes) -> None:
        """Keep a data key open in memory, and evict the least recently used if full."""
        self._open[owner] = data_key
        self._open.move_to_end(owner)
        while len(self._open) > self.CAPACITY:
            self._open.popitem(last=False)

    def forget(self, owner: int) -> None:
        """Drop a data key from memory."""
        self._open.pop(owner, None)


def fingerprint(secret: bytes) -> str:
    """Return a short hash that identifies a secret key without revealing it."""
    return hashlib.sha256(b"pica fingerprint" + secret).hexdigest()[:16]


def _decoded(text: str) -> bytes:
    try:
        key = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != KEY_BYTES:
        raise SecretKeyError(
            "PICA_SECRET_KEY is not a valid key: it must be 32 bytes in base64. "
            "`pica key new` prints a new key."
        )
    return key

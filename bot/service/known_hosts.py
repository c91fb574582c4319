"""The hosts under which the service answers, against DNS rebinding.

A page in a browser reaches this machine by a public name of its own that it points here. So a name
is accepted only if nobody can register it, or if the settings name it.
"""

from collections.abc import Iterable
from ipaddress import ip_address
from urllib.parse import urlsplit

# Top-level names that are never public (RFC 6761, RFC 6762, RFC 8375, ICANN 2024).
PRIVATE = ("localhost", "local", "internal", "test", "home.arpa")


class KnownHosts:
    """The names that the service answers to.

    Args:
        urls: the public addresses of the service. None stands for one that is not set.
    """

    def __init__(self, urls: Iterable[str | None] = ()) -> None:
        self._names = {name for url in urls if url and (name := _name(url)) is not None}

    def allows(self, header: str) -> bool:
        """Return whether a Host header names an IP address, a private name or this service."""
        name = _name(f"//{header}")
        if name is None:
            return False
        if name in self._names or "." not in name:  # single names are of a local network
            return True
        return _is_address(name) or any(name.endswith(f".{private}") for private in PRIVATE)


def _name(url: str) -> str | None:
    try:
        name = urlsplit(url).hostname
    except ValueError:
        return None
    return name.rstrip(".") if name else None


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True

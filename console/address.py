"""Where browsers reach the console, and which names and origins are its own."""

from urllib.parse import urlencode, urlsplit

ROOT = "/console"
LOOPBACK = ("127.0.0.1", "localhost", "::1")


class Address:
    """The console's public address.

    Args:
        url: scheme, host and port, without a path; port 0 is told later, by `settle`.
    """

    def __init__(self, url: str) -> None:
        self.url = url

    def settle(self, port: int) -> None:
        """The port is known now."""
        if self.url.endswith(":0"):
            self.url = f"{self.url[:-1]}{port}"

    @property
    def is_https(self) -> bool:
        """Whether cookies may be bound to https."""
        return self.url.startswith("https:")

    @property
    def cookie(self) -> str:
        """The name of the session's cookie; a browser accepts `__Host-` over https alone."""
        return "__Host-console" if self.is_https else "console"

    def sign_in(self, token: str) -> str:
        """The link that signs in, once."""
        return f"{self.url}{ROOT}/sign-in?{urlencode({'token': token})}"

    def allows_host(self, header: str) -> bool:
        """Whether a Host header names us: the address in front, or this machine."""
        name = _name(f"//{header}")
        return name is not None and name in (_name(self.url), *LOOPBACK)

    def allows_origin(self, origin: str, host: str) -> bool:
        """Whether a page of this origin may write: ours, or this machine's at the same Host."""
        if origin == self.url:
            return True
        return _name(f"//{host}") in LOOPBACK and origin == f"http://{host}"


def _name(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None

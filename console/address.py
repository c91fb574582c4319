"""The console's public URL, and the hosts and origins it accepts."""

from urllib.parse import urlencode, urlsplit

ROOT = "/console"
LOOPBACK = ("127.0.0.1", "localhost", "::1")


class Address:
    """The console's public address.

    Args:
        url: scheme, host and port, without a path. `settle` replaces port 0 later.
    """

    def __init__(self, url: str) -> None:
        self.url = url

    def settle(self, port: int) -> None:
        """Replace port 0 with the port that the server got."""
        if self.url.endswith(":0"):
            self.url = f"{self.url[:-1]}{port}"

    @property
    def is_https(self) -> bool:
        """Whether browsers reach the console over https."""
        return self.url.startswith("https:")

    @property
    def cookie(self) -> str:
        """Name the session cookie. Browsers accept the prefix `__Host-` over https only."""
        return "__Host-console" if self.is_https else "console"

    def sign_in(self, token: str) -> str:
        """Return the one-time sign-in link for a token."""
        return f"{self.url}{ROOT}/sign-in?{urlencode({'token': token})}"

    def case(self, case_id: int) -> str:
        """Return the URL of a case."""
        return f"{self.url}{ROOT}/cases/{case_id}"

    def allows_host(self, header: str) -> bool:
        """Return whether a Host header names the public address or this machine."""
        name = _name(f"//{header}")
        return name is not None and name in (_name(self.url), *LOOPBACK)

    def allows_origin(self, origin: str, host: str) -> bool:
        """Return whether a page of this origin may send forms: ours, or one on this machine."""
        if origin == self.url:
            return True
        return _name(f"//{host}") in LOOPBACK and origin == f"http://{host}"


def _name(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None

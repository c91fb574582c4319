"""The check of the variables that the HTTP client reads by itself: proxies and certificates.

The client fails over a wrong one with an error of its own, which names no variable.
"""

import importlib.util
import os
import ssl
from collections.abc import Iterator, Mapping
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

import httpx

PROXIES = ("ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY")
SCHEMES = ("http", "https")
SOCKS = ("socks5", "socks5h")


def faults(environ: Mapping[str, str] = os.environ) -> list[str]:
    """Return what is wrong, one line each with the variable and what to write.

    A line never holds a value, because the address of a proxy may hold a password.
    """
    found = [*_proxies(environ), *_exceptions(environ), *_certificates(environ)]
    if not found and environ is os.environ:
        try:
            httpx.Client(verify=False).close()  # noqa: S501 - it calls nobody
        except Exception as error:  # a fault that the checks above do not know
            names = ", ".join((*PROXIES, "NO_PROXY"))
            found.append(f"{names}: one of them cannot be used ({type(error).__name__})")
    return found


def what_to_check(environ: Mapping[str, str] = os.environ) -> str:
    """Return what to check if Telegram cannot be reached, with the proxies that are set."""
    proxies = [variable for name in PROXIES for variable, _ in _both(environ, name)]
    names = ", ".join(["PICA_TELEGRAM_API_URL", *proxies])
    return f"Check the network and what is set by hand: {names}."


def _both(environ: Mapping[str, str], name: str) -> Iterator[tuple[str, str]]:
    """Yield a variable in either spelling, if it is set."""
    for variable in (name, name.lower()):
        if value := environ.get(variable, "").strip():
            yield variable, value


def _proxies(environ: Mapping[str, str]) -> Iterator[str]:
    for name in PROXIES:
        for variable, value in _both(environ, name):
            scheme, host = _address(value if "://" in value else f"http://{value}")
            if scheme in SOCKS and importlib.util.find_spec("socksio") is None:
                yield (
                    f"{variable}: a SOCKS proxy needs another package. Run `pip install "
                    "'httpx[socks]'`, or use a proxy of the form http://host:port."
                )
            elif scheme not in (*SCHEMES, *SOCKS) or not host:
                yield f"{variable}: is not the address of a proxy; use the form http://host:port."


def _address(value: str) -> tuple[str, str]:
    """Return the scheme and the host of an address, which are empty if it is not one."""
    try:
        parts = urlsplit(value)
        return ("", "") if parts.port == 0 else (parts.scheme, parts.hostname or "")
    except ValueError:
        return "", ""


def _exceptions(environ: Mapping[str, str]) -> Iterator[str]:
    for variable, value in _both(environ, "NO_PROXY"):
        if not all(_is_exception(item.strip()) for item in value.split(",")):
            yield (
                f"{variable}: holds an address that cannot be used; write host names and addresses "
                "without brackets or networks, separated by commas, for example "
                "localhost,::1,example.org."
            )


def _is_exception(item: str) -> bool:
    host = item.partition("://")[2] or item
    if ":" not in host and "[" not in host:
        return True
    try:
        ip_address(host)
    except ValueError:
        name, _, port = host.partition(":")
        return bool(name) and port.isdecimal() and port.isascii() and len(port) <= 5
    return True


def _certificates(environ: Mapping[str, str]) -> Iterator[str]:
    if file := environ.get("SSL_CERT_FILE"):
        try:
            ssl.create_default_context(cafile=file)
        except (OSError, ValueError):  # an SSLError is an OSError
            yield "SSL_CERT_FILE: is not a file with certificates; name a PEM file or unset it."
    if (folder := environ.get("SSL_CERT_DIR")) and not Path(folder).is_dir():
        yield "SSL_CERT_DIR: is not a folder; name the folder with certificates or unset it."

"""Whose name, whose page."""

import pytest

from console.address import Address
from console.words import LANGUAGES, ConsoleTexts, preferred


@pytest.mark.parametrize(
    ("host", "ours"),
    [
        ("console.example.org", True),
        ("console.example.org:443", True),
        ("127.0.0.1:8080", True),
        ("localhost", True),
        ("[::1]:9", True),
        ("CONSOLE.example.org", True),
        ("evil.example", False),
        ("console.example.org.evil.example", False),
        ("", False),
        ("console.example.org@evil.example", False),
        ("[::1", False),
        ("127.0.0.1.evil.example", False),
    ],
)
def test_hosts(host: str, ours: bool) -> None:
    assert Address("https://console.example.org").allows_host(host) is ours


@pytest.mark.parametrize(
    ("origin", "host", "ours"),
    [
        ("https://console.example.org", "console.example.org", True),
        ("http://console.example.org", "console.example.org", False),
        ("http://127.0.0.1:8080", "127.0.0.1:8080", True),
        ("http://127.0.0.1:9999", "127.0.0.1:8080", False),
        ("http://evil.example", "evil.example", False),
        ("null", "127.0.0.1:8080", False),
    ],
)
def test_origins(origin: str, host: str, ours: bool) -> None:
    assert Address("https://console.example.org").allows_origin(origin, host) is ours


def test_the_port_is_learnt() -> None:
    address = Address("http://127.0.0.1:0")
    address.settle(4711)
    assert address.sign_in("a-b_c") == "http://127.0.0.1:4711/console/sign-in?token=a-b_c"
    address.settle(1)
    assert address.url.endswith(":4711")
    assert (address.cookie, address.is_https) == ("console", False)


def test_words_stand_in_both_languages_with_the_same_places() -> None:
    words = ConsoleTexts()
    for key, text in words.of("en").items():
        other = words.of("zh")[key]
        assert {part.split("}")[0] for part in text.split("{")[1:]} == {
            part.split("}")[0] for part in other.split("{")[1:]
        }, key
    assert preferred("zh-CN,zh;q=0.9") == "zh" and preferred("") == "en"
    assert LANGUAGES == ("zh", "en")

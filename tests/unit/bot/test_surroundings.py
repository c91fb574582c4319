"""A fault of the surroundings is found at the start, with its variable and what to write."""

import re
from pathlib import Path

import pytest

from bot.service.connections import check_surroundings
from bot.settings import Settings, SettingsError, load
from bot.transport.surroundings import faults, what_to_check

WRONG = {
    "PICA_TELEGRAM_TOKEN": ["1:abc\n", "1:abc def", "abc", "bot1:abc", '"1:abc"'],
    "PICA_WEBHOOK_SECRET": ["a secret", "geheimnis!", "é", "x" * 257],
    "PICA_TELEGRAM_API_URL": ["api.telegram.org", "localhost:8081", "https://", "https://x/?a=1"],
    "PICA_WEBHOOK_URL": ["example.org/hook", "ftp://example.org"],
    "PICA_HTTP_HOST": ["[::1]", "127.0.0.1:8080", "http://127.0.0.1", "a b"],
    "PICA_DATA_DIR": ["var?x", "/srv/pica?", "a\nb"],
}
RIGHT = {
    "PICA_TELEGRAM_TOKEN": ["1:a", "123456:ABC-DEF_ghi"],
    "PICA_WEBHOOK_SECRET": ["a-secret", "A_1" * 80],
    "PICA_TELEGRAM_API_URL": ["http://127.0.0.1:8081", "https://api.telegram.org/"],
    "PICA_WEBHOOK_URL": ["https://example.org/pica"],
    "PICA_HTTP_HOST": ["::1", "0.0.0.0", "localhost", "pica.internal"],
    "PICA_DATA_DIR": ["/srv/数据", "a#b", "a%20b"],
}
FAULTY = [
    ("ALL_PROXY", "socks5://127.0.0.1:1080"),
    ("https_proxy", "socks5h://user:hush@host"),
    ("HTTPS_PROXY", "http://host:port"),
    ("HTTP_PROXY", "ftp://host"),
    ("NO_PROXY", "[::1]"),
    ("NO_PROXY", "localhost,fd00::/8"),
    ("no_proxy", "example.org, [fe80::1]:8080"),
    ("SSL_CERT_FILE", "/nowhere/at/all.pem"),
    ("SSL_CERT_FILE", "/etc/hostname"),
    ("SSL_CERT_DIR", "/nowhere/at/all"),
]
FINE = {
    "HTTPS_PROXY": "http://user:p%40ss@host:3128",
    "http_proxy": "host:3128",
    "NO_PROXY": "localhost,::1,.example.org,*.a.b,host:8080,10.0.0.0/8",
}


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)  # no .env
    for name in ("ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


def test_a13_a_wrong_setting_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, values in WRONG.items():
        for value in values:
            with monkeypatch.context() as patch, pytest.raises(SettingsError) as said:
                patch.setenv(variable, value)
                load()
            assert str(said.value).startswith(f"{variable}: "), value
            assert re.search(r"form|must|example", str(said.value))


def test_a13_a_right_setting_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, values in RIGHT.items():
        for value in values:
            with monkeypatch.context() as patch:
                patch.setenv(variable, value)
                if variable == "PICA_WEBHOOK_URL":
                    patch.setenv("PICA_WEBHOOK_SECRET", "a-secret")
                load()


def test_a13_a_home_folder_is_found() -> None:
    assert Settings(_env_file=None, data_dir=Path("~/pica")).data_dir == Path.home() / "pica"


@pytest.mark.parametrize(("variable", "value"), FAULTY)
def test_a13_what_the_client_reads_is_named(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsError) as said:
        check_surroundings()
    assert str(said.value).startswith(f"{variable}: ")
    assert "hush" not in str(said.value)


def test_a13_what_the_client_can_use_is_taken() -> None:
    assert faults(FINE) == []


def test_a13_a_proxy_is_named_if_telegram_cannot_be_reached() -> None:
    assert what_to_check({}).endswith("set by hand: PICA_TELEGRAM_API_URL.")
    said = what_to_check({"HTTPS_PROXY": "http://user:hush@host", "all_proxy": "host:1"})
    assert said.endswith("PICA_TELEGRAM_API_URL, all_proxy, HTTPS_PROXY.")

"""The pager outside Telegram, against real servers on this machine."""

import datetime as dt
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from bot.operators.pager import Mail, Pager, PagerError, is_local
from bot.operators.room import pager_of
from bot.service.console import case_link
from bot.settings import Settings, SettingsError, load
from bot.texts import Texts
from storage.ids import CaseId, PersonId
from storage.review.cases import Case, CaseState
from tests.support.mail_server import MailServer
from tests.support.web_hook import Hook

NOW = dt.datetime(2026, 1, 2, 3, 4, tzinfo=dt.UTC)
CASE = Case(
    CaseId(12),
    PersonId(7),
    4,
    ("suicide",),
    "suicide",
    CaseState.OPEN,
    NOW,
    NOW - dt.timedelta(minutes=20),
)
# The resolver takes it for this machine, which its text does not say.
ELSEWHERE = "127.1"
NOBODY = "http://127.0.0.1:9/hush"


def pager(webhook: str | None = None, mail: Mail | None = None, **more: object) -> Pager:
    return Pager(Texts(), "zh", webhook=webhook, mail=mail, between_s=0, **more)  # type: ignore[arg-type]


async def test_without_a_way_nothing_is_paged() -> None:
    assert not await pager().page(CASE, NOW)


async def test_a_webhook_gets_numbers_and_no_person() -> None:
    async with Hook(204) as there:
        assert await pager(there.url, link=lambda case: f"https://x/{case}").page(CASE, NOW)
    url = "https://x/12"
    assert there.bodies == [{"case": 12, "level": 4, "waiting_minutes": 20, "url": url}]


@pytest.mark.parametrize(("codes", "tries"), [((500, 503, 200), 3), ((429, 200), 2)])
async def test_a_webhook_is_tried_three_times(codes: tuple[int, ...], tries: int) -> None:
    async with Hook(*codes) as there:
        assert await pager(there.url).page(CASE, NOW)
    assert len(there.bodies) == tries


@pytest.mark.parametrize("code", [500, 404, 302])
async def test_a_webhook_that_refuses_is_a_failure(code: int) -> None:
    async with Hook(code) as there:
        with pytest.raises(PagerError):
            await pager(there.url).page(CASE, NOW)
    assert len(there.bodies) == 3


async def test_an_email_says_which_case_waits() -> None:
    async with MailServer() as server:
        mail = Mail(f"smtp://ann%40x.org:p%40ss@127.0.0.1:{server.port}", ("a@x.org", "b@x.org"))
        assert await pager(mail=mail).page(CASE, NOW)
    (letter,) = server.letters
    assert letter["From"] == "ann@x.org"
    assert letter["To"] == "a@x.org, b@x.org"
    assert letter["Subject"] == Texts()("zh", "pager_subject", case=12, level=4, minutes=20)
    assert server.logins == ["\0ann@x.org\0p@ss"]


async def test_one_way_that_works_is_enough() -> None:
    async with MailServer() as server:
        mail = Mail(f"smtp://127.0.0.1:{server.port}", ("a@x.org",))
        assert await pager(NOBODY, mail).page(CASE, NOW)
        assert len(server.letters) == 1


async def test_all_ways_failed() -> None:
    async with MailServer(refuses=True) as server:
        mail = Mail(f"smtp://127.0.0.1:{server.port}", ("a@x.org",))
        with pytest.raises(PagerError) as raised:
            await pager(NOBODY, mail).page(CASE, NOW)
    assert str(raised.value) == ""


@pytest.fixture
def tls(tmp_path: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's side and a client's that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "here")])
    at = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(at - dt.timedelta(days=1))
        .not_valid_after(at + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(ELSEWHERE)]), False)
        .add_extension(x509.BasicConstraints(True, None), True)
        .sign(key, hashes.SHA256())
    )
    pem = tmp_path / "here.pem"
    pem.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(pem)
    return server, ssl.create_default_context(cafile=pem)


async def test_elsewhere_nothing_goes_in_clear(
    tls: tuple[ssl.SSLContext, ssl.SSLContext],
) -> None:
    theirs, ours = tls
    async with MailServer(theirs) as server:
        mail = Mail(f"smtp://u:p@{ELSEWHERE}:{server.port}", ("a@x.org",))
        assert await pager(mail=mail, tls=ours).page(CASE, NOW)
        assert server.were_sealed == [True]
        with pytest.raises(PagerError):  # a server that nobody vouches for
            await pager(mail=mail).page(CASE, NOW)
    async with MailServer() as plain:
        mail = Mail(f"smtp://u:p@{ELSEWHERE}:{plain.port}", ("a@x.org",))
        with pytest.raises(PagerError):
            await pager(mail=mail, tls=ours).page(CASE, NOW)
        assert (plain.logins, plain.letters) == ([], [])


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("localhost", True),
        ("::1", True),
        ("10.0.0.1", False),
        ("localhost.example.org", False),
    ],
)
def test_this_machine(host: str, expected: bool) -> None:
    assert is_local(host) is expected


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("PICA_PAGER_WEBHOOK", "hush"),
        ("PICA_PAGER_WEBHOOK", "ftp://hush/x"),
        ("PICA_SMTP_URL", "https://hush"),
        ("PICA_SMTP_URL", "smtp://u:hush@host:notaport"),
        ("PICA_PAGER_EMAIL", "hush"),
        ("PICA_PAGER_EMAIL", "a@hush.org, b"),
        ("PICA_PAGER_EMAIL", "a@hush.org"),  # without a server
    ],
)
def test_a_setting_that_does_not_work_is_named_and_not_shown(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsError, match="PICA_") as raised:
        load()
    assert "hush" not in str(raised.value)


def test_settings_of_the_pager(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PICA_PAGER_EMAIL", " a@x.org, b@x.org ")
    monkeypatch.setenv("PICA_SMTP_URL", "smtps://u:p@mail.x.org")
    settings = load()
    assert settings.pager_email == ("a@x.org", "b@x.org")
    assert "mail.x.org" not in repr(settings)


@pytest.mark.parametrize(
    ("settings", "url"),
    [
        ({"console_url": "https://desk.example.org"}, "https://desk.example.org/console/cases/12"),
        ({"console_url": "https://desk.example.org", "console": False}, None),
        ({}, None),  # an address of this machine helps nobody elsewhere
    ],
)
async def test_a_page_leads_to_the_console(settings: dict[str, object], url: str | None) -> None:
    async with Hook(204) as there:
        made = Settings(_env_file=None, pager_webhook=there.url, **settings)  # type: ignore[arg-type]
        assert await pager_of(made, Texts(), case_link(made)).page(CASE, NOW)
    assert there.bodies[0]["url"] == url

"""The pager outside Telegram, by webhook and e-mail.

A page holds the number and level of a case and its waiting time, and nothing about the person. The
log holds neither addresses nor URLs.
"""

import asyncio
import smtplib
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from ipaddress import ip_address
from urllib.parse import unquote, urlsplit

import httpx
import structlog

from bot.texts import Texts
from bot.transport.http_client import tls_context
from storage.ids import CaseId
from storage.review.cases import Case

log = structlog.get_logger(__name__)
TIMEOUT_S = 10.0
ATTEMPTS = 3
BETWEEN_S = 1.0
PORTS = {"smtp": 587, "smtps": 465}


class PagerError(Exception):
    """No way of paging outside Telegram worked."""


@dataclass(frozen=True, slots=True)
class Mail:
    """The mail server and the recipients of pages.

    Attributes:
        url: `smtp://user:password@host:587` (STARTTLS) or `smtps://…`.
        to: the addresses.
    """

    url: str
    to: tuple[str, ...]


class Pager:
    """Pages by every way that is set up.

    Args:
        texts: the texts of the e-mail.
        language: the operators' language.
        webhook: a URL that takes JSON.
        mail: the mail server and the recipients.
        link: returns the public URL of a case in the console. None without a public address.
        tls: the TLS context for mail servers, for tests.
        between_s: the pause between two tries of the webhook.
    """

    def __init__(
        self,
        texts: Texts,
        language: str,
        *,
        webhook: str | None = None,
        mail: Mail | None = None,
        link: Callable[[CaseId], str] | None = None,
        tls: ssl.SSLContext | None = None,
        between_s: float = BETWEEN_S,
    ) -> None:
        self._texts = texts
        self._language = language
        self._webhook = webhook
        self._mail = mail
        self._link = link
        self._tls = tls
        self._between_s = between_s

    async def page(self, case: Case, now: datetime) -> bool:
        """Page by all ways at once, and return False if none is set up.

        Raises:
            PagerError: every way failed.
        """
        ways = []
        minutes = max(0, round((now - case.last_risk_at).total_seconds() / 60))
        if self._webhook is not None:
            ways.append(self._post(self._webhook, case, minutes))
        if self._mail is not None:
            ways.append(asyncio.to_thread(self._send, self._mail, case, minutes))
        if not ways:
            return False
        results = await asyncio.gather(*ways, return_exceptions=True)
        errors = [result for result in results if isinstance(result, BaseException)]
        for error in errors:
            log.error("page_failed", error=type(error).__name__, case=case.case_id)
        if len(errors) == len(ways):
            raise PagerError
        return True

    async def _post(self, url: str, case: Case, minutes: int) -> None:
        body = {
            "case": case.case_id,
            "level": case.level,
            "waiting_minutes": minutes,
            "url": self._link(case.case_id) if self._link else None,
        }
        async with httpx.AsyncClient(timeout=TIMEOUT_S, verify=tls_context()) as client:
            for attempt in range(1, ATTEMPTS + 1):
                try:
                    (await client.post(url, json=body)).raise_for_status()
                except httpx.HTTPError:
                    if attempt == ATTEMPTS:
                        raise
                    await asyncio.sleep(self._between_s)
                else:
                    return

    def _send(self, mail: Mail, case: Case, minutes: int) -> None:
        """Send the e-mail, and block until it is sent."""
        parts = urlsplit(mail.url)
        host, port = parts.hostname or "", parts.port or PORTS[parts.scheme]
        user, password = unquote(parts.username or ""), unquote(parts.password or "")
        message = self._message(mail, case, minutes, _sender(user, host, mail))
        tls = self._tls or ssl.create_default_context()
        with (
            smtplib.SMTP_SSL(host, port, timeout=TIMEOUT_S, context=tls)
            if parts.scheme == "smtps"
            else smtplib.SMTP(host, port, timeout=TIMEOUT_S)
        ) as server:
            if parts.scheme == "smtp" and not is_local(host):  # the same machine needs no TLS
                server.starttls(context=tls)
            if user:
                server.login(user, password)
            server.send_message(message)

    def _message(self, mail: Mail, case: Case, minutes: int, sender: str) -> EmailMessage:
        values = {"case": case.case_id, "level": case.level, "minutes": minutes}
        message = EmailMessage()
        message["Subject"] = self._texts(self._language, "pager_subject", **values)
        message["From"] = sender
        message["To"] = ", ".join(mail.to)
        body = self._texts(self._language, "pager_body", **values)
        link = f"{self._link(case.case_id)}\n" if self._link else ""
        message.set_content(f"{body}\n{link}")
        return message


def _sender(user: str, host: str, mail: Mail) -> str:
    if "@" in user:
        return user
    return f"{user}@{host}" if user else mail.to[0]


def is_local(host: str) -> bool:
    """Return whether a server is on this machine, so that no network lies between."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False

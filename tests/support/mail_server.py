"""A mail server that takes everything, for tests: enough SMTP for `smtplib`."""

import asyncio
import base64
import ssl
from email import message_from_bytes
from email.message import Message
from email.policy import default


class MailServer:
    """What it was sent is in `letters`; with `tls` it offers STARTTLS; `refuses` answers 550."""

    def __init__(self, tls: ssl.SSLContext | None = None, *, refuses: bool = False) -> None:
        self.letters: list[Message] = []
        self.logins: list[str] = []
        self.were_sealed: list[bool] = []
        self.port = 0
        self._tls = tls
        self._refuses = refuses

    async def __aenter__(self) -> "MailServer":
        self._server = await asyncio.start_server(self._talk, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        sealed = False
        writer.write(b"220 here\r\n")
        while line := await reader.readline():
            verb, _, rest = line.decode().strip().partition(" ")
            match verb.upper():
                case "EHLO":
                    offers = ["AUTH PLAIN"] + (["STARTTLS"] if self._tls and not sealed else [])
                    lines = ["here", *offers]
                    writer.write(
                        "".join(
                            f"250{' ' if each is lines[-1] else '-'}{each}\r\n" for each in lines
                        ).encode()
                    )
                case "STARTTLS":
                    assert self._tls is not None
                    writer.write(b"220 go\r\n")
                    await writer.drain()
                    await writer.start_tls(self._tls)
                    sealed = True
                case "AUTH":
                    self.logins.append(base64.b64decode(rest.split()[1]).decode())
                    writer.write(b"235 yes\r\n")
                case "DATA":
                    writer.write(b"354 go\r\n")
                    letter = await reader.readuntil(b"\r\n.\r\n")
                    self.letters.append(message_from_bytes(letter[:-5], policy=default))
                    self.were_sealed.append(sealed)
                    writer.write(b"250 ok\r\n")
                case "RCPT" if self._refuses:
                    writer.write(b"550 no\r\n")
                case "QUIT":
                    writer.write(b"221 bye\r\n")
                    await writer.drain()
                    break
                case _:
                    writer.write(b"250 ok\r\n")
            await writer.drain()
        writer.close()

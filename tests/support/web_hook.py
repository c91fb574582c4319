"""A web hook for tests: answers with these codes, the last one again and again."""

import asyncio
import json


class Hook:
    """What it was sent is in `bodies`."""

    def __init__(self, *codes: int) -> None:
        self.bodies: list[dict[str, object]] = []
        self.url = ""
        self._codes = list(codes)

    async def __aenter__(self) -> "Hook":
        self._server = await asyncio.start_server(self._answer, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/hush"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(head.split("content-length: ")[1].split("\r\n")[0])
        self.bodies.append(json.loads(await reader.readexactly(length)))
        code = self._codes.pop(0) if len(self._codes) > 1 else self._codes[0]
        answer = f"HTTP/1.1 {code} X\r\nLocation: {self.url}/moved\r\nContent-Length: 0\r\n"
        writer.write(f"{answer}Connection: close\r\n\r\n".encode())
        await writer.drain()
        writer.close()

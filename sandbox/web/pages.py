"""The web chat's routes: pages, a visitor's acts, files and the live stream."""

from pathlib import Path
from typing import Any

from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.staticfiles import StaticFiles

from sandbox.model import ChatMessage
from sandbox.person import SandboxUser
from sandbox.text import MAX_TEXT_UNITS, units
from sandbox.web.stream import PageStream
from sandbox.web.view import ALL, GENERAL, ChatView, PageSelection, environment
from sandbox.web.words import choose
from sandbox.world import World

LANGUAGE_COOKIE = "sandbox_language"
MAX_NAME = 64
_PICTURES = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF8": "image/gif",
    b"RIFF": "image/webp",
}


class WebChat:
    """The web chat of one world."""

    def __init__(self, world: World, group_id: int, operator_id: int) -> None:
        self._world = world
        self._group_id = group_id
        self._operator = SandboxUser(world, world.people[operator_id])
        self._templates = environment()
        self.static = StaticFiles(directory=Path(__file__).parent.parent / "static")

    def routes(self) -> list[Route]:
        """List all routes."""
        post = ["POST"]
        return [
            Route("/", self.home),
            Route("/people", self.add_person, methods=post),
            Route("/people/{person_id:int}", self.page),
            Route("/people/{person_id:int}/stream", self.stream),
            Route("/people/{person_id:int}/say", self.say, methods=post),
            Route("/people/{person_id:int}/send/{kind}", self.send, methods=post),
            Route("/people/{person_id:int}/block", self.block, methods=post),
            Route("/people/{person_id:int}/chat/press", self.press, methods=post),
            Route("/people/{person_id:int}/group/press", self.press_in_group, methods=post),
            Route("/people/{person_id:int}/group/say", self.say_in_group, methods=post),
            Route("/files/{file_id}", self.file),
            Route("/language", self.language, methods=post),
        ]

    async def home(self, _: Request) -> Response:
        """Go to the first person, or to a page without a person."""
        others = [key for key in self._world.people if key != self._operator.id]
        return RedirectResponse(f"/people/{others[0] if others else 0}", status_code=303)

    async def page(self, request: Request) -> Response:
        """Show the whole page of a person, or an empty one with id 0."""
        person_id = request.path_params["person_id"]
        if person_id and person_id not in self._world.people:
            return RedirectResponse("/", status_code=303)
        view = request.query_params.get("view", "chat" if person_id else "people")
        if view not in {"people", "chat", "group"}:
            view = "chat"
        html = self._view(request).page(view)
        return HTMLResponse(html, headers={"Cache-Control": "no-store"})

    async def stream(self, request: Request) -> Response:
        """Stream the page's live events."""
        stream = PageStream(self._view(request), self._world.changes)
        return StreamingResponse(
            stream.events(), media_type="text/event-stream", headers={"Cache-Control": "no-store"}
        )

    async def add_person(self, request: Request) -> Response:
        """Add a person and go to their page."""
        form = await request.form()
        name = _text(form, "first_name").strip()[:MAX_NAME]
        language = "en" if _text(form, "language_code") == "en" else "zh-hans"
        if not name:
            raise HTTPException(422, "A person needs a name.")
        person = self._world.add_person(None, name, language)
        return RedirectResponse(f"/people/{person.id}", status_code=303)

    async def say(self, request: Request) -> Response:
        """Send the text, or change the message under edit."""
        person = self._person(request)
        form = await request.form()
        text, edited = _words(form), _text(form, "edit_id")
        try:
            if edited:
                await person.edit(int(edited), text)
            else:
                await person.say(text)
        except ValueError as error:
            raise HTTPException(422, "Nothing to send.") from error
        return Response(status_code=204)

    async def send(self, request: Request) -> Response:
        """Send a file or a location, with the words in the box as its caption."""
        person = self._person(request)
        caption = _text(await request.form(), "text").strip() or None
        kind = request.path_params["kind"]
        if kind == "sticker":
            await person.send_sticker()
        elif kind == "voice":
            await person.send_voice(caption)
        elif kind == "photo":
            await person.send_photo(caption)
        elif kind == "document":
            await person.send_document(caption=caption)
        elif kind == "location":
            await person.send_location()
        else:
            raise HTTPException(404)
        return Response(status_code=204)

    async def block(self, request: Request) -> Response:
        """Block the bot, or unblock it."""
        person = self._person(request)
        if self._world.people[person.id].blocked:
            await person.unblock()
        else:
            await person.block()
        return Response(status_code=204)

    async def press(self, request: Request) -> Response:
        """Press a button in the private chat."""
        person = self._person(request)
        await self._press(person, person.id, await request.form())
        return Response(status_code=204)

    async def press_in_group(self, request: Request) -> Response:
        """Press a button in the operators' group, as the operator."""
        await self._press(self._operator, self._group_id, await request.form())
        return Response(status_code=204)

    async def say_in_group(self, request: Request) -> Response:
        """Write in the operators' group, as the operator."""
        form = await request.form()
        topic = _text(form, "topic")
        thread_id = int(topic) if topic.isascii() and topic.isdigit() else None
        try:
            await self._operator.say_in_group(self._group_id, _words(form), thread_id=thread_id)
        except ValueError as error:
            raise HTTPException(422, "Nothing to send, or no such topic.") from error
        return Response(status_code=204)

    async def file(self, request: Request) -> Response:
        """Serve a file of a message. Only real pictures open in place."""
        attachment = self._world.files.get(request.path_params["file_id"])
        if attachment is None:
            raise HTTPException(404)
        for start, media_type in _PICTURES.items():
            if attachment.kind in {"photo", "sticker"} and attachment.content.startswith(start):
                return Response(attachment.content, media_type=media_type)
        name = "".join(c if c.isalnum() or c in "._-" else "_" for c in attachment.filename)
        plain = name.encode("ascii", "replace").decode().replace("?", "_")
        return Response(
            attachment.content,
            media_type="application/octet-stream",
            headers={"Content-Disposition": f'attachment; filename="{plain}"'},
        )

    async def language(self, request: Request) -> Response:
        """Choose the language of the frame and go back."""
        form = await request.form()
        back = _text(form, "back")
        path = back if back.startswith("/people/") else "/"
        response = RedirectResponse(path, status_code=303)
        chosen = "zh" if _text(form, "language") == "zh" else "en"
        response.set_cookie(LANGUAGE_COOKIE, chosen, httponly=True, samesite="strict")
        return response

    async def _press(self, person: SandboxUser, chat_id: int, form: FormData) -> None:
        try:
            where = [int(_text(form, name)) for name in ("message_id", "row", "column")]
            message: ChatMessage = self._world.chats[chat_id].messages[where[0]]
            data = str(message.keyboard[where[1]][where[2]]["callback_data"])
        except (ValueError, KeyError, IndexError) as error:
            raise HTTPException(409, "That button is gone.") from error
        self._world.person_presses(self._world.people[person.id], message, data)

    def _person(self, request: Request) -> SandboxUser:
        person = self._world.people.get(request.path_params["person_id"])
        if person is None:
            raise HTTPException(404)
        return SandboxUser(self._world, person)

    def _view(self, request: Request) -> ChatView:
        topic = request.query_params.get("topic", ALL)
        known = {str(key) for key in self._world.chats[self._group_id].topics}
        selection = PageSelection(
            person_id=request.path_params["person_id"] or None,
            topic=topic if topic in {ALL, GENERAL} | known else ALL,
            language=choose(
                request.cookies.get(LANGUAGE_COOKIE), request.headers.get("accept-language", "")
            ),
        )
        return ChatView(self._world, self._templates, self._group_id, selection)


def _text(form: FormData, name: str) -> str:
    value: Any = form.get(name, "")
    return value if isinstance(value, str) else ""


def _words(form: FormData) -> str:
    text = _text(form, "text").replace("\r\n", "\n")
    if units(text) > MAX_TEXT_UNITS:
        raise HTTPException(422, "Too long for one message.")
    return text

"""The HTML fragments that show the state of the world."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from sandbox.model import Chat, ChatMessage, SandboxPerson
from sandbox.web.rich import rich
from sandbox.web.words import Language, translate
from sandbox.world import World

SHOWN_MESSAGES = 300
GENERAL = "general"
ALL = "all"


def _clock_time(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, tz=UTC).astimezone().strftime("%H:%M")


def environment() -> Environment:
    """Load the templates, with escaping on and unknown names refused."""
    templates = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters["clock_time"] = _clock_time
    templates.filters["rich"] = rich
    return templates


@dataclass(frozen=True, slots=True)
class PageSelection:
    """The person, topic and language of one browser page."""

    person_id: int | None
    topic: str
    language: Language


@dataclass(frozen=True, slots=True)
class ChatView:
    """The fragments of one browser page."""

    world: World
    templates: Environment
    group_id: int
    selection: PageSelection

    @property
    def person(self) -> SandboxPerson | None:
        """The chosen person."""
        if self.selection.person_id is None:
            return None
        return self.world.people.get(self.selection.person_id)

    @property
    def group(self) -> Chat:
        """The operators' group."""
        return self.world.chats[self.group_id]

    @property
    def operator(self) -> SandboxPerson:
        """The operator, who writes in the group."""
        return self.world.people[next(iter(self.group.members))]

    def chat_messages(self) -> list[ChatMessage]:
        """List the messages of the private chat, newest last."""
        if self.person is None:
            return []
        return list(self.world.chats[self.person.id].messages.values())[-SHOWN_MESSAGES:]

    def group_messages(self) -> list[ChatMessage]:
        """List the messages of the group, or of the chosen topic."""
        messages = list(self.group.messages.values())
        if self.selection.topic == GENERAL:
            messages = [message for message in messages if message.thread_id is None]
        elif self.selection.topic != ALL:
            messages = [
                message for message in messages if str(message.thread_id) == self.selection.topic
            ]
        return messages[-SHOWN_MESSAGES:]

    def message(self, message: ChatMessage) -> str:
        """Render one message."""
        group = message.chat_id == self.group_id
        name = "PICA"
        if not message.from_bot:
            name = self.world.people[message.sender_id].first_name
        topic = self.group.topics.get(message.thread_id or 0) if group else None
        return self._part(
            "message",
            message=message,
            pane="group" if group else "chat",
            name=name,
            topic=topic if self.selection.topic == ALL else None,
            base=self.base,
        )

    def people(self) -> str:
        """Render the list on the left."""
        rows = []
        for person in self.world.people.values():
            messages = self.world.chats[person.id].messages
            last = next(reversed(messages.values()), None)
            rows.append((person, last, person.id in self.group.members))
        rows.sort(key=lambda row: row[2])
        return self._part("people", rows=rows, chosen=self.selection.person_id, base=self.base)

    def presence(self) -> str:
        """Render the line under the bot's name."""
        if self.person is None:
            return ""
        chat = self.world.chats[self.person.id]
        now = self.world.now()
        return self._part(
            "presence",
            person=self.person,
            action=chat.action_now(now) or ("typing" if chat.draft_at(now) else ""),
        )

    def draft(self) -> str:
        """Render the reply so far, or dots while the bot types."""
        if self.person is None:
            return ""
        chat = self.world.chats[self.person.id]
        now = self.world.now()
        draft = chat.draft_at(now)
        typing = chat.action_now(now) == "typing" and draft is None
        return self._part("draft", text=draft.text if draft else None, typing=typing)

    def gate(self) -> str:
        """Render the start or unblock button that replaces the compose box."""
        return self._part("gate", person=self.person, base=self.base)

    def switch(self) -> str:
        """Render the block toggle."""
        return self._part("switch", person=self.person, base=self.base)

    def topics(self) -> str:
        """Render the topics of the group as links."""
        return self._part(
            "topics",
            topics=list(self.group.topics.values()),
            chosen=self.selection.topic,
            person_id=self.selection.person_id,
        )

    def toast(self, text: str, *, alert: bool) -> str:
        """Render the answer to a press."""
        return self._part("toast", text=text, alert=alert)

    def page(self, view: str) -> str:
        """Render the whole page."""
        template = self.templates.get_template("page.html")
        return template.render(
            t=self.words(),
            language=self.selection.language,
            view=view,
            selection=self.selection,
            shown=self,
            person=self.person,
            base=self.base,
            group=self.group,
        )

    @property
    def base(self) -> str:
        """The prefix of the chosen person's routes."""
        return f"/people/{self.selection.person_id or 0}"

    def words(self) -> Callable[[str], str]:
        """Return a function that translates the phrases of the frame."""
        return lambda key: translate(key, self.selection.language)

    def _part(self, name: str, /, **values: Any) -> str:
        module = self.templates.get_template("parts.html").module
        macro = getattr(module, name)
        return str(macro(t=self.words(), **values)).strip()

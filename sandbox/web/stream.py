"""Live pages: one server-sent event a change, with only what differs."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from sandbox.changes import ChangeSignal
from sandbox.model import ChatMessage
from sandbox.web.view import ChatView

TICK_S = 1.0
KEEPALIVE_S = 15.0


@dataclass(eq=False, slots=True)
class _Pane:
    """A list of messages on one page, with the revisions that the browser has."""

    element: str
    messages: Callable[[], list[ChatMessage]]
    render: Callable[[ChatMessage], str]
    _sent: dict[int, int] | None = field(default=None, init=False)

    def patch(self) -> str:
        current = {message.message_id: message for message in self.messages()}
        before, self._sent = self._sent, {key: m.revision for key, m in current.items()}
        if before is None:
            whole = "".join(self.render(message) for message in current.values())
            return f'<div id="{self.element}" hx-swap-oob="innerHTML">{whole}</div>'
        parts = [
            f'<div id="{self.element}-{key}" hx-swap-oob="delete"></div>'
            for key in before
            if key not in current
        ]
        for key, message in current.items():
            if key in before and before[key] != message.revision:
                whole = self.render(message)
                parts.append(whole.replace("<article ", '<article hx-swap-oob="true" ', 1))
        fresh = "".join(self.render(m) for key, m in current.items() if key not in before)
        if fresh:
            parts.append(f'<div hx-swap-oob="beforeend:#{self.element}">{fresh}</div>')
        return "".join(parts)


class PageStream:
    """The events of one open page.

    The first event holds all fragments, so that a browser that was away catches up.
    """

    def __init__(self, view: ChatView, changes: ChangeSignal) -> None:
        self._view = view
        self._changes = changes
        self._panes = [
            _Pane("chat", view.chat_messages, view.message),
            _Pane("group", view.group_messages, view.message),
        ]
        self._sent: dict[str, str] = {}
        self._toasts = [
            (person, len(person.toasts))
            for person in (view.person, view.operator)
            if person is not None
        ]

    async def events(self) -> AsyncIterator[str]:
        """Yield server-sent events until the page or the sandbox closes."""
        yield "retry: 1000\n\n"
        with self._changes.watch() as changed:
            silent_s = 0.0
            while not self._changes.closed:
                changed.clear()
                patch = self._patch()
                if patch:
                    yield _event("patch", patch)
                    silent_s = 0.0
                elif silent_s >= KEEPALIVE_S:
                    yield ": still here\n\n"
                    silent_s = 0.0
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(TICK_S):  # wait_for can swallow a cancellation
                        await changed.wait()
                silent_s += TICK_S

    def _patch(self) -> str:
        parts = [pane.patch() for pane in self._panes]
        for name, render in (
            ("draft", self._view.draft),
            ("presence", self._view.presence),
            ("people", self._view.people),
            ("topics", self._view.topics),
            ("gate", self._view.gate),
            ("switch", self._view.switch),
        ):
            fragment = render()
            if self._sent.get(name) != fragment:
                self._sent[name] = fragment
                parts.append(f'<div id="{name}" hx-swap-oob="innerHTML">{fragment}</div>')
        parts.append(self._new_toasts())
        return "".join(parts)

    def _new_toasts(self) -> str:
        fresh = ""
        for index, (person, seen) in enumerate(self._toasts):
            for toast in person.toasts[seen:]:
                fresh += self._view.toast(toast.text, alert=toast.alert)
            self._toasts[index] = (person, len(person.toasts))
        return f'<div hx-swap-oob="beforeend:#toasts">{fresh}</div>' if fresh else ""


def _event(name: str, data: str) -> str:
    lines = "".join(f"data: {line}\n" for line in data.splitlines() or [""])
    return f"event: {name}\n{lines}\n"

"""Faults on demand: the ways in which Telegram and the network fail a bot."""

from dataclasses import dataclass
from typing import Any, Literal, get_args

FaultKind = Literal[
    "429",
    "403",
    "409",
    "500",
    "502",
    "drop",
    "lost_answer",
    "topic_deleted",
    "slow",
    "page",
    "empty",
    "json",
    "refusal",
]


@dataclass(slots=True)
class Fault:
    """One planned failure. `times` counts down.

    Attributes:
        answer: the body of `json`.
    """

    method: str
    kind: FaultKind
    times: int
    retry_after: int
    chat_id: int | None
    delay_s: float
    status: int = 502
    description: str = ""
    answer: Any = None


class Faults:
    """Planned failures, first planned first served."""

    def __init__(self) -> None:
        self._planned: list[Fault] = []

    def add(
        self,
        method: str,
        kind: FaultKind,
        times: int = 1,
        *,
        retry_after: int = 1,
        chat_id: int | None = None,
        delay_s: float = 2.0,
        status: int = 502,
        description: str = "",
        answer: Any = None,
    ) -> Fault:
        """Plan a failure.

        Args:
            method: the Bot API method that it hits, or `"*"` for any.
            kind: `drop` closes the connection before the call counts, `lost_answer` after it.
                `slow` answers after `delay_s`. `topic_deleted` first deletes the topic that the
                call names. Four kinds do not count as a call: `page` answers with a proxy's HTML
                page, `empty` without a body, `json` with `answer`, and `refusal` in Telegram's own
                form, without parameters.
            times: how many calls it hits.
            retry_after: for 429.
            chat_id: only calls to this chat.
            delay_s: for `slow`.
            status: the HTTP status of the last four.
            description: for `refusal`.
            answer: any value, for `json`.

        Returns:
            The fault, whose `times` is the number of hits that are left.
        """
        if kind not in get_args(FaultKind):
            raise ValueError(f"no such fault: {kind}")
        fault = Fault(
            method.lower(), kind, times, retry_after, chat_id, delay_s, status, description, answer
        )
        self._planned.append(fault)
        return fault

    def clear(self) -> None:
        """Forget every planned failure."""
        self._planned.clear()

    def take(self, method: str, chat_id: str) -> Fault | None:
        """Return the fault that hits this call and count it down, or return None."""
        for fault in self._planned:
            if fault.method not in {"*", method}:
                continue
            if fault.chat_id is not None and str(fault.chat_id) != chat_id:
                continue
            fault.times -= 1
            if fault.times <= 0:
                self._planned.remove(fault)
            return fault
        return None

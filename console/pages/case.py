"""The page of a case: its state, its evidence, the conversation and the notes.

Words stay hidden until an operator asks for them, and each view of words is recorded. Turns that
are off the record are never shown.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from console import views
from console.door import ProtectedRoute
from console.pages.highlight import Piece, pieces
from console.pages.svg import trend
from console.site import SitePage
from review.cases.answers import answer_line
from review.cases.escalation import Stage
from review.cases.person_head import head_of
from review.cases.shadow_review import Shadow
from review.operators.sign_in import Visitor
from storage import Transaction
from storage.checkins import occurrences
from storage.companion import (
    conversations,
    people,
    script_answers,
    transcripts,
    trusted_contacts,
)
from storage.companion.conversations import Speaker, Turn
from storage.ids import CaseId, TurnId
from storage.messages import deliveries
from storage.messages.sent import SentObject
from storage.messages.sent import parse as parse_sent
from storage.review import canned_replies, cases, evidence, notes
from storage.review.cases import Case, CaseState, Resolution
from storage.review.evidence import Evidence
from storage.review.shadow_drafts import ShadowDraft

LAST_TURNS = 40
TREND_TURNS = 20
TREND_MOODS = 20


@dataclass(frozen=True, slots=True)
class Shown:
    """A turn as the page shows it.

    Attributes:
        pieces: the text in pieces, empty if words are hidden.
        state: the delivery state of an operator's reply.
        sent: the object that was sent in place of text. It holds no words and is never hidden.
    """

    turn: Turn
    pieces: tuple[Piece, ...]
    state: str | None = None
    sent: SentObject | None = None


class CasePage(SitePage):
    """Show one case, as a whole page and in live parts."""

    def entries(self) -> list[ProtectedRoute]:
        """List the routes."""
        return [
            ProtectedRoute("/cases/{case_id:id}", self.show),
            ProtectedRoute("/cases/{case_id:id}/live", self.parts, is_part=True, is_use=False),
            ProtectedRoute("/cases/{case_id:id}/words", self.with_words, is_part=True),
        ]

    async def show(self, request: Request, visitor: Visitor) -> Response:
        """Show the whole page, with words if the operator's settings say so.

        In their own takeover the words of a case stay shown from one load to the next.
        """
        values = await self._values(request, visitor, words=visitor.operator.shows_words)
        return await self._site.page(request, visitor, "case.html", here="case", **values)

    async def parts(self, request: Request, visitor: Visitor) -> Response:
        """Show the parts again, with words if the page already shows them."""
        return await self._parts(request, visitor, request.query_params.get("words") == "1")

    async def with_words(self, request: Request, visitor: Visitor) -> Response:
        """Show the parts with words."""
        return await self._parts(request, visitor, True)

    async def _parts(self, request: Request, visitor: Visitor, words: bool) -> Response:
        values = await self._values(request, visitor, words=words)
        async with self._site.database.read() as transaction:
            shown = await views.today(transaction, visitor.operator, self._site.zone)
        return self._site.fragment(visitor, "case_parts.html", exposure=shown, **values)

    async def _values(self, request: Request, visitor: Visitor, *, words: bool) -> dict[str, Any]:
        site, now = self._site, self._site.database.now()
        async with site.database.read() as transaction:
            case = await the_case(transaction, request)
            talks = _talks(case, visitor, now)
            words = words or (talks and site.views.has_shown(visitor, case))
            turns = await _turns(transaction, case)
            evidences = await evidence.of_case(transaction, case.case_id)
            states = await _states(transaction, case)
            moods = await _moods(transaction, case)
            values = {
                "names": await site.names(transaction),
                "notes": await notes.of_case(transaction, case.case_id, case.person_id)
                if case.person_id is not None
                else [],
                "is_kept": await _is_kept(transaction, case),
                "shadow_agreed": await _agreed(transaction, case),
                "drafts": await _drafts(transaction, case, visitor) if words else [],
                "answers": answer_line(
                    visitor.operator.language,
                    await script_answers.of_person(transaction, case.person_id),
                    case,
                )
                if case.person_id is not None
                else "",
                "receivers": await site.hand_over.receivers(transaction, case),
                "canned": await canned_replies.listed(transaction),
                "head": await head_of(transaction, case.person_id),
                "contact": await trusted_contacts.agreed_of(transaction, case.person_id)
                if case.person_id is not None
                else None,
            }
        await self._record(visitor, case, turns if words else None)
        said = [turn for turn in turns if turn.role is Speaker.PERSON][-TREND_TURNS:]
        return values | {
            "case": case,
            "shown": [_shown(turn, evidences if words else None, states) for turn in turns],
            "has_words": words,
            "evidence": _by_rule(evidences),
            "trend": trend([turn.level for turn in said]),
            "mood_trend": trend([mood - 1 for mood in moods]),
            "moods": moods,
            "said": said,
            "stages": Stage,
            "states": CaseState,
            "resolutions": [
                resolution for resolution in Resolution if resolution is not Resolution.ERASED
            ],
            "now": now,
            "is_mine": case.claimed_by == visitor.operator.operator_id,
            "is_offered": case.handed_to == visitor.operator.operator_id,
            "talks": talks,
        }

    async def _record(self, visitor: Visitor, case: Case, turns: Sequence[Turn] | None) -> None:
        """Record a view of the case and, if words are shown, of how many turns."""
        site, now = self._site, self._site.database.now()
        acts: dict[str, dict[str, int]] = {}
        if site.views.is_new(visitor, "viewed_case", case.case_id, now=now):
            acts["viewed_case"] = {}
        fresh = site.views.new_turns(visitor, case, turns or ())
        again = site.views.is_new(visitor, "viewed_words", case.case_id, now=now)
        if turns is not None and (fresh or again):
            acts["viewed_words"] = views.counts(fresh)
        if not acts:
            return
        async with site.database.begin() as transaction:
            for act, detail in acts.items():
                await views.record(transaction, visitor, act, case=case, detail=detail)
        for act in acts:
            site.views.saw(visitor, act, case.case_id, now=now)
        site.views.saw_turns(visitor, case, fresh)


async def the_case(transaction: Transaction, request: Request) -> Case:
    """Return the case that the URL names.

    Raises:
        HTTPException: the case does not exist.
    """
    number = request.path_params["case_id"]
    case = await cases.get(transaction, CaseId(number)) if number < 2**53 else None
    if case is None:
        raise HTTPException(404)
    return case


def _talks(case: Case, visitor: Visitor, now: datetime) -> bool:
    """Return whether the operator has the conversation of this case."""
    is_mine = case.claimed_by == visitor.operator.operator_id
    return is_mine and case.lease_until_at is not None and case.lease_until_at > now


async def _turns(transaction: Transaction, case: Case) -> list[Turn]:
    if case.person_id is None:
        return []
    return await transcripts.latest(transaction, case.person_id, limit=LAST_TURNS)


async def _states(transaction: Transaction, case: Case) -> dict[TurnId, str]:
    if case.person_id is None:
        return {}
    return await deliveries.of_operator_replies(transaction, case.person_id)


async def _moods(transaction: Transaction, case: Case) -> list[int]:
    """Return the last moods of the person, only while the case is not resolved."""
    if case.person_id is None or case.state is CaseState.RESOLVED:
        return []
    check_ins = await occurrences.moods(transaction, case.person_id)
    moods = [
        check_in.answer.mood for check_in in check_ins if check_in.answer and check_in.answer.mood
    ]
    return moods[-TREND_MOODS:]


async def _agreed(transaction: Transaction, case: Case) -> bool:
    """Return whether the person agreed to shadow review."""
    person = await people.by_id(transaction, case.person_id) if case.person_id else None
    return person is not None and person.shadow_consent_at is not None


async def _drafts(
    transaction: Transaction, case: Case, visitor: Visitor
) -> list[tuple[ShadowDraft, str]]:
    """Return the drafts that wait for this operator, each with the message it answers."""
    if case.person_id is None or case.claimed_by != visitor.operator.operator_id:
        return []
    waiting = await Shadow.waiting(transaction, case.person_id)
    drafts = []
    for draft in waiting:
        question = await conversations.get_turn(transaction, draft.question_turn_id)
        drafts.append((draft, question.text if question else ""))
    return drafts


async def _is_kept(transaction: Transaction, case: Case) -> bool:
    if case.person_id is None:
        return False
    person = await people.by_id(transaction, case.person_id)
    return person is not None and person.has_consented


def _shown(turn: Turn, evidences: Sequence[Evidence] | None, states: dict[TurnId, str]) -> Shown:
    if turn.role is Speaker.SENT:
        return Shown(turn, (), sent=parse_sent(turn.text))
    state = states.get(turn.turn_id) if turn.role is Speaker.OPERATOR else None
    if evidences is None:
        return Shown(turn, (), state)
    spans = [item.span for item in evidences if item.turn_id == turn.turn_id]
    return Shown(turn, tuple(pieces(turn.text, spans)), state)


@dataclass(frozen=True, slots=True)
class Reason:
    """A rule that matched, how often, and when last."""

    rule: str
    category: str
    level: int
    times: int
    last: Evidence


def _by_rule(evidences: Sequence[Evidence]) -> list[Reason]:
    grouped: dict[str, list[Evidence]] = {}
    for item in evidences:
        grouped.setdefault(item.span.rule, []).append(item)
    reasons = [
        Reason(rule, those[-1].span.category, those[-1].span.level, len(those), those[-1])
        for rule, those in grouped.items()
    ]
    return sorted(reasons, key=lambda reason: (-reason.level, -reason.last.noted_at.timestamp()))

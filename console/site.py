"""The parts that every console page shares, and the rendering of pages."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from console import urgent
from console import views as exposure
from console.address import ROOT, Address
from console.live import Live
from console.names import PlainNames
from console.throttle import Failures
from console.views import Views
from console.words import ConsoleTexts, preferred
from review.cases.canned_replies import CannedReplies
from review.cases.desk import MOST_WORDS, Desk
from review.cases.hand_over import HandOver
from review.cases.shadow_review import Shadow
from review.cases.takeover import Takeover
from review.lexicon.change_control import LexiconChangeControl
from review.operators.sign_in import Visitor
from storage import Database, Transaction
from storage.ids import OperatorId
from storage.review import operators
from storage.review.operators import Operator

HERE = Path(__file__).parent
THEMES = ("auto", "light", "dark")
THEME_COOKIE = "console_theme"
AGES = ((timedelta(days=2), 86400, "days"), (timedelta(hours=2), 3600, "hours"))


def environment() -> Environment:
    """Load the templates. They escape every value, and a missing name is an error."""
    return Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )


@dataclass(frozen=True, slots=True)
class Site:
    """The parts that pages use.

    Attributes:
        zone: the time zone of the times that operators read.
    """

    database: Database
    desk: Desk
    takeover: Takeover
    canned: CannedReplies
    hand_over: HandOver
    shadow: Shadow
    policy: LexiconChangeControl
    address: Address
    zone: ZoneInfo
    live: Live = field(default_factory=Live, init=False)
    words: ConsoleTexts = field(default_factory=ConsoleTexts, init=False)
    failures: Failures = field(default_factory=Failures, init=False)
    views: Views = field(default_factory=Views, init=False)
    templates: Environment = field(default_factory=environment, init=False)

    def render(self, template: str, language: str, **values: Any) -> str:
        """Render a template with the words, times and addresses that all templates use."""
        words = self.words.of(language)

        def t(key: str, /, **places: Any) -> str:
            return words[key].format(**places) if places else words[key]

        return self.templates.get_template(template).render(
            t=t,
            has_word=self.words.has,
            language=language,
            root=ROOT,
            ago=lambda at: self.ago(language, at),
            clock=self.clock,
            called=lambda operator: self.called(language, operator),
            plain=PlainNames(language),
            **values,
        )

    async def page(
        self, request: Request, visitor: Visitor, template: str, *, here: str = "", **values: Any
    ) -> Response:
        """Return a whole page for a signed-in operator."""
        async with self.database.read() as transaction:
            values["urgent"] = await urgent.waiting(transaction)
            if "exposure" not in values:
                values["exposure"] = await exposure.today(transaction, visitor.operator, self.zone)
        frame = {"visitor": visitor, "here": here, "theme": theme_of(request)}
        return HTMLResponse(self.render(template, visitor.operator.language, **frame, **values))

    def fragment(self, visitor: Visitor, template: str, **values: Any) -> Response:
        """Return a part of a page."""
        return HTMLResponse(
            self.render(template, visitor.operator.language, visitor=visitor, **values)
        )

    def notice(
        self, visitor: Visitor, key: str, holder: Operator | None = None, **values: object
    ) -> Response:
        """Return one line with the result of an action, and tell the page by `HX-Trigger`."""
        is_refusal = key.startswith("refused_")
        answer = self.fragment(
            visitor,
            "notice.html",
            key=key if self.words.has(key) else "refused_other",
            holder=holder,
            most=MOST_WORDS,
            is_refusal=is_refusal,
            values=values,
        )
        answer.headers["HX-Trigger"] = "refused" if is_refusal else "acted"
        return answer

    def message(
        self,
        request: Request,
        key: str,
        status: int,
        *,
        visitor: Visitor | None = None,
        **values: Any,
    ) -> HTMLResponse:
        """Return a page with a single message, such as where to get a link."""
        language = visitor.operator.language if visitor else language_of(request)
        values = {"theme": theme_of(request), "key": key, "visitor": visitor, **values}
        return HTMLResponse(self.render("message.html", language, **values), status)

    async def record_view(
        self, visitor: Visitor, act: str, *key: object, detail: Mapping[str, Any] | None = None
    ) -> None:
        """Record a view in the audit trail, unless this session recorded it just before."""
        now = self.database.now()
        if self.views.is_new(visitor, act, *key, now=now):
            async with self.database.begin() as transaction:
                await exposure.record(transaction, visitor, act, detail=detail)
            self.views.saw(visitor, act, *key, now=now)

    async def names(self, transaction: Transaction) -> dict[OperatorId, Operator]:
        """Return all operators by id, with removed ones, because old records refer to them."""
        listed = await operators.listed(transaction, active=False)
        return {operator.operator_id: operator for operator in listed}

    def clock(self, at: datetime, form: str = "%m-%d %H:%M") -> str:
        """Format a time in the operators' time zone."""
        return at.astimezone(self.zone).strftime(form)

    def ago(self, language: str, at: datetime) -> str:
        """Say roughly how long ago a time was."""
        passed = max(timedelta(), self.database.now() - at)
        for least, unit_s, name in AGES:
            if passed >= least:
                return self.words(language, f"age_{name}", n=int(passed.total_seconds() // unit_s))
        return self.words(language, "age_minutes", n=int(passed.total_seconds() // 60))

    def called(self, language: str, operator: Operator | None) -> str:
        """Return the name that operators see for an operator, or for the service."""
        if operator is None:
            return self.words(language, "the_service")
        return operator.name or self.words(language, "operator_n", n=operator.operator_id)


class SitePage:
    """A page, or several that belong together."""

    def __init__(self, site: Site) -> None:
        self._site = site


def theme_of(request: Request) -> str:
    """Return the chosen theme: light, dark, or the same as the device."""
    chosen = request.cookies.get(THEME_COOKIE, "auto")
    return chosen if chosen in THEMES else "auto"


def language_of(request: Request) -> str:
    """Return the language for a visitor without a session."""
    return preferred(request.headers.get("accept-language", ""))

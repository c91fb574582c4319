"""The page of `/safety`: the published protocol, built from the parts that run.

The page reads the policy, the register of numbers, the lexicon and `duties.yaml`, so a change there
changes the page. Without an operators' chat it promises no human.
"""

from telegram import Update

from bot.crisis.screening import SafeScreener
from bot.updates.responder import HandlerContext, Responder
from safety.response.hotlines import Hotlines
from safety.response.legal_duties import Cadence, Duties, Profile
from safety.response.policy import HOLD_LAPSE_S, respond
from safety.response.protocol import Policy, ProtocolStep, steps
from safety.screening.levels import Category
from storage.messages.body import MessageBody


class SafetyPage:
    """Handle `/safety` and build its page.

    Args:
        answers: opens answers.
        hotlines: the register of numbers, with the date of the last check.
        duties: what laws ask for.
        screener: the screener, which knows the version of the lexicon in use.
        has_people: whether an operators' chat is set.
        policy: answers a screening.
        hold_lapse_s: how long a hold lasts at most.
    """

    def __init__(
        self,
        *,
        answers: Responder,
        hotlines: Hotlines,
        duties: Duties,
        screener: SafeScreener,
        has_people: bool,
        policy: Policy = respond,
        hold_lapse_s: float = HOLD_LAPSE_S,
    ) -> None:
        self._answers = answers
        self._texts = answers.texts
        self._hotlines = hotlines
        self._duties = duties
        self._screener = screener
        self._has_people = has_people
        self._policy = policy
        self._hold_hours = int(hold_lapse_s // 3600)

    async def on_safety(self, update: Update, _context: HandlerContext) -> None:
        """Answer `/safety` with the page."""
        async with self._answers.open(update, "safety") as answering:
            if answering:
                person = answering.person
                await answering.say(MessageBody(self.page(person.language, person.region)))

    def page(self, language: str, region: str | None) -> str:
        """Build the whole page."""
        people = "people" if self._has_people else "no_people"
        lines = self._hotlines.for_region(region, emergency_first=False)
        parts = [
            self._texts(language, "safety_intro"),
            *(self._level(language, step) for step in steps(self._policy)),
            self._texts(language, f"safety_hold_{people}", hours=self._hold_hours),
            self._texts(language, f"safety_{people}"),
            self._texts(language, "safety_guard"),
            self._texts(
                language,
                "safety_versions",
                lexicon=self._screener.version,
                read=min(line.read for line in lines).isoformat(),
            ),
            self._texts(
                language,
                "safety_duties" if self._duties.has_own(region) else "safety_duties_otherwise",
            ),
            *(self._law(language, profile) for profile in self._duties.of_region(region)),
        ]
        return "\n".join(parts)

    def _level(self, language: str, step: ProtocolStep) -> str:
        acts = ["resources" if step.adds_resources else "answers"] if step.model_answers else []
        acts += ["fixed"] if step.has_fixed_reply else []
        acts += ["emergency"] if step.emergency_first == frozenset(Category) else []
        acts += ["case"] if step.opens_case else []
        acts += ["told"] if step.tells_operators and self._has_people else []
        acts += [] if step.model_answers else ["silent"]
        words = [self._texts(language, f"safety_act_{act}") for act in acts]
        if step.emergency_first and step.emergency_first != frozenset(Category):
            kinds = self._joined(
                language,
                [self._texts(language, f"category_{c}") for c in sorted(step.emergency_first)],
            )
            words.append(self._texts(language, "safety_act_emergency_for", kinds=kinds))
        return self._texts(
            language,
            "safety_level",
            level=int(step.level),
            meaning=self._texts(language, f"safety_means_{int(step.level)}"),
            acts=self._joined(language, words),
        )

    def _law(self, language: str, profile: Profile) -> str:
        what = self._cadence(language, profile.adults)
        if profile.minors != profile.adults:
            minors = self._joined(language, self._cadence(language, profile.minors)[1:])
            what.append(self._texts(language, "duty_page_minors", what=minors))
        return self._texts(
            language,
            "safety_law_secondary" if profile.is_secondary else "safety_law",
            law=profile.name_en if language == "en" else profile.name_zh,
            what=self._joined(language, what),
            read=profile.read.isoformat(),
        )

    def _cadence(self, language: str, cadence: Cadence) -> list[str]:
        again = f"{self._duties.again_after.total_seconds() / 3600:g}"
        parts = [self._texts(language, f"duty_page_{cadence.start}", hours=again)]
        for key, every in (
            ("duty_page_tells", cadence.tells_every),
            ("duty_page_rests", cadence.rests_every),
        ):
            if every is not None:
                hours = f"{every.total_seconds() / 3600:g}"
                parts.append(self._texts(language, key, hours=hours))
        return parts

    def _joined(self, language: str, words: list[str]) -> str:
        return self._texts(language, "safety_and").join(words)

"""stub"""
import re
from dataclasses import dataclass
from safety.hotlines import Hotlines
from safety.screen import Screener

@dataclass(frozen=True, slots=True)
class Verdict:
    allowed: bool
    reason: str | None

class Guard:
    def __init__(self, screener: Screener, hotlines: Hotlines) -> None:
        self._screener, self._hotlines = screener, hotlines
    def check(self, text: str) -> Verdict:
        if "没有做错任何事情" in text:
            return Verdict(False, "encouragement")
        return Verdict(True, None)
    def check_sentence(self, sentence: str) -> Verdict:
        return self.check(sentence)

def strip_artefacts(text: str) -> str:
    return re.sub(r"^(?:嗨B，我是A。|海B，|A：)", "", text)

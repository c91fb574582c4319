"""The policy: from a screening to the response, as in the table of `docs/safety.md`."""

from dataclasses import dataclass
from enum import StrEnum

from safety.screening.levels import Category, Level
from safety.screening.outcome import Screening

# How long a conversation is held after the last message of level 2 or more, in seconds.
#
# A suicidal crisis usually peaks and ebbs within hours. A shorter hold would let the model speak
# in the same night. A longer one would leave a person who returns a day later with a silent
# companion if no operator was on duty. An operator may close the case earlier. Every further
# message of level 2 or more restarts the 24 hours.
HOLD_LAPSE_S = 24 * 60 * 60

# The lowest level that gets a `Response`.
THRESHOLD = Level.PASSIVE


class Script(StrEnum):
    """The reviewed, fixed replies."""

    SUICIDE = "suicide"
    SELF_HARM = "self_harm"
    MEDICAL = "medical"
    VIOLENCE = "violence"
    ABUSE = "abuse"
    OTHERS = "others"
    EATING_DISORDER = "eating_disorder"


# The first hit wins. An ambulance comes before a conversation, a risk to the writer's own life
# before one to others, and a named person at risk before a slow illness.
_PRECEDENCE: tuple[tuple[Category, Script], ...] = (
    (Category.MEDICAL, Script.MEDICAL),
    (Category.SUICIDE, Script.SUICIDE),
    (Category.VIOLENCE, Script.VIOLENCE),
    (Category.SELF_HARM, Script.SELF_HARM),
    (Category.ABUSE, Script.ABUSE),
    (Category.OTHERS, Script.OTHERS),
    (Category.EATING_DISORDER, Script.EATING_DISORDER),
)


@dataclass(frozen=True, slots=True)
class Response:
    """The response to a screening.

    Attributes:
        script: The fixed reply to send (from level 3 on) or the resources to add (level 2).
        level: The level of the screening.
        emergency_first: Whether emergency numbers come before crisis lines.
        opens_case: Whether a case is opened, or the person's open case raised.
        tells_operators: Whether operators are told, at once from level 3 on, else in a digest.
        blocks_model: Whether the model is silent until the case is closed or the hold lapses.
        language: The other language of the reply, or None for the person's own setting.
    """

    script: Script
    level: Level
    emergency_first: bool
    opens_case: bool
    tells_operators: bool
    blocks_model: bool
    language: str | None = None


def respond(screening: Screening) -> Response | None:
    """Choose the response to a screening.

    At levels 3 and 4 the fixed reply answers, the model is silent, a case opens and operators
    are told at once. At level 2 the model may answer, and the bot adds the script's resources
    and a gentle question. A case opens, which operators see in a digest.

    Args:
        screening: The screening of one text, or of a burst after `merge`.

    Returns:
        The response, or None below level 2.
    """
    level = screening.level
    if level < THRESHOLD:
        return None
    script = _script(screening)
    grave = level >= Level.ACTIVE
    return Response(
        script=script,
        level=level,
        emergency_first=level >= Level.IMMINENT or (grave and script is Script.MEDICAL),
        opens_case=True,
        tells_operators=True,
        blocks_model=grave,
        language=screening.language,
    )


def _script(screening: Screening) -> Script:
    """Choose the script of the matches with the highest level."""
    gravest = {m.category for m in screening.matches if m.level == screening.level}
    gravest = gravest or set(screening.categories)
    for category, script in _PRECEDENCE:
        if category in gravest:
            return script
    return Script.SUICIDE  # a level without a category gets the most careful reply

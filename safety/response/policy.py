"""From a screening to what must happen; the table of `docs/safety.md` as code."""

from dataclasses import dataclass
from enum import StrEnum

from safety.screening.levels import Category, Level
from safety.screening.screener import Screening

# Seconds after the last message of level 2 or more at which a held conversation lapses.
#
# A suicidal crisis usually peaks and ebbs within hours, and a person who comes back a day later
# must not find the companion dumb because nobody was on duty; a shorter hold would let the model
# speak during the same night. An operator may close the case earlier. Every further message of
# level 2 or more starts the 24 hours anew.
HOLD_LAPSE_S = 24 * 60 * 60

# The lowest level that gets a `Response`.
THRESHOLD = Level.PASSIVE


class Script(StrEnum):
    """Which reviewed, fixed reply answers."""

    SUICIDE = "suicide"
    SELF_HARM = "self_harm"
    MEDICAL = "medical"
    VIOLENCE = "violence"
    ABUSE = "abuse"
    OTHERS = "others"
    EATING_DISORDER = "eating_disorder"


# First hit wins: an ambulance comes before a conversation, a risk to the writer's own life
# before one to others, a named person at risk before a slow illness.
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
    """What a screening asks for.

    Attributes:
        script: The fixed reply to send (level 3 and up) or the resources to add (level 2).
        level: The level answered.
        emergency_first: Emergency numbers stand before crisis lines in the reply.
        opens_case: A case is opened for operators, or the person's open one is raised.
        tells_operators: Operators are told: at once from level 3 on, below it in a digest.
        blocks_model: The model writes nothing until the case is closed or lapses.
    """

    script: Script
    level: Level
    emergency_first: bool
    opens_case: bool
    tells_operators: bool
    blocks_model: bool


def respond(screening: Screening) -> Response | None:
    """Say what a screening asks for.

    Level 3 and 4: the fixed reply before any word of the model, a case, operators told, the
    model silent. Level 2: the model may answer, the bot adds the script's resources and asks
    gently, and a case is opened that operators hear of in a digest.

    Args:
        screening: The outcome of one text, or of a burst after `merge`.

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
    )


def _script(screening: Screening) -> Script:
    """Pick the script of the gravest matches; lesser matches do not choose the reply."""
    gravest = {m.category for m in screening.matches if m.level == screening.level}
    gravest = gravest or set(screening.categories)
    for category, script in _PRECEDENCE:
        if category in gravest:
            return script
    return Script.SUICIDE  # a level without a category: the most careful reply

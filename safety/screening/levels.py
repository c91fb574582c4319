"""The words every other part of screening is written in: how grave, and of what kind.

A level is about one text and says nothing about the state of the person who wrote it.
"""

from enum import IntEnum, StrEnum


class Level(IntEnum):
    """How grave the gravest thing in a text is; the ladder is mapped to replies in `policy`."""

    # Nothing was found.
    NONE = 0
    # Strong feeling; no risk is named.
    DISTRESS = 1
    # A wish not to be alive, past harm, abuse, or somebody else at risk.
    PASSIVE = 2
    # Intent, method, plan or preparation, or a threat to somebody.
    ACTIVE = 3
    # Under way, the means at hand, or now.
    IMMINENT = 4


class Category(StrEnum):
    """What kind of risk; one text can hold several."""

    SUICIDE = "suicide"
    SELF_HARM = "self_harm"
    VIOLENCE = "violence"
    ABUSE = "abuse"
    EATING_DISORDER = "eating_disorder"
    MEDICAL = "medical_emergency"
    OTHERS = "others_at_risk"

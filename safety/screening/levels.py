"""The levels and categories of risk in one text.

A level is about a text and says nothing about the state of the person who wrote it.
"""

from enum import IntEnum, StrEnum


class Level(IntEnum):
    """The level of risk in a text. `response/policy.py` maps it to a response."""

    # Nothing was found.
    NONE = 0
    # Strong feeling, without a named risk.
    DISTRESS = 1
    # A wish not to be alive, past harm, abuse, or another person at risk.
    PASSIVE = 2
    # Intent, method, plan or preparation, or a threat to a person.
    ACTIVE = 3
    # Under way, the means at hand, or now.
    IMMINENT = 4


class Category(StrEnum):
    """The kinds of risk. One text can have several."""

    SUICIDE = "suicide"
    SELF_HARM = "self_harm"
    VIOLENCE = "violence"
    ABUSE = "abuse"
    EATING_DISORDER = "eating_disorder"
    MEDICAL = "medical_emergency"
    OTHERS = "others_at_risk"

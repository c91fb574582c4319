"""The rights of operators, and the refusals of acts."""

from enum import StrEnum

from storage.review.operators import Operator


class Refusal(StrEnum):
    """Why an act was refused. Each value is a key of the texts."""

    BAD_CHANGE = "bad_change"
    BAD_HOURS = "bad_hours"
    BAD_LINK = "bad_link"
    BAD_NAME = "bad_name"
    BAD_PUBLIC_NAME = "bad_public_name"
    BAD_TELEGRAM_ID = "bad_telegram_id"
    BOTH_LANGUAGES = "both_languages"
    CANARY = "canary"
    CASE_GONE = "case_gone"
    CASE_TAKEN = "case_taken"
    CHANGE_GONE = "change_gone"
    DRAFT_GONE = "draft_gone"
    EMPTY = "empty"
    EXAMPLES_GONE = "examples_gone"
    HAS_DEPENDENTS = "has_dependents"
    LAST_ADMIN = "last_admin"
    NO_CHANGE = "no_change"
    NO_CONSENT = "no_consent"
    NO_REPLAY = "no_replay"
    NO_TAKEOVER = "no_takeover"
    NO_VERDICT = "no_verdict"
    NOT_ALLOWED = "not_allowed"
    NOT_CLAIMED = "not_claimed"
    NOT_YOURS = "not_yours"
    NOTE_GONE = "note_gone"
    OPERATOR_GONE = "operator_gone"
    OWN_CHANGE = "own_change"
    PERSON_GONE = "person_gone"
    REPLAY_CANCELLED = "replay_cancelled"
    REPLAY_FAILED = "replay_failed"
    REPLAY_MISSING = "replay_missing"
    REPLAY_RUNS = "replay_runs"
    REPLAY_STALE = "replay_stale"
    REPLY_GONE = "reply_gone"
    REPLY_SENT = "reply_sent"
    REPLY_TOO_LONG = "reply_too_long"
    REPLY_WAITS = "reply_waits"
    SHADOW_AGREED = "shadow_agreed"
    TAKEOVER_RUNS = "takeover_runs"
    TOO_LONG = "too_long"
    TOO_MANY_LINKS = "too_many_links"
    TOO_MANY_REPLIES = "too_many_replies"


class RefusedError(Exception):
    """An act was refused. The message is a key of the texts.

    Attributes:
        key: why it was refused.
        holder: the operator who has the case, or None.
        detail: what exactly is wrong, or empty if the key says everything.
    """

    def __init__(self, key: Refusal, holder: Operator | None = None, *, detail: str = "") -> None:
        super().__init__(key)
        self.key = key
        self.holder = holder
        self.detail = detail


def require_active(operator: Operator) -> None:
    """Refuse a removed operator.

    Raises:
        RefusedError: `not_allowed`.
    """
    if not operator.is_active:
        raise RefusedError(Refusal.NOT_ALLOWED)


def require_admin(operator: Operator) -> None:
    """Refuse an operator who is not an admin.

    Raises:
        RefusedError: `not_allowed`.
    """
    if not operator.is_admin:
        raise RefusedError(Refusal.NOT_ALLOWED)

"""Who may do what: reviewers work on cases, admins also decide who is an operator.

Knows nothing of how somebody proved who they are.
"""

from storage.operators import Operator


class RefusedError(Exception):
    """An act was refused; the message is a key of the texts.

    Attributes:
        key: why: `not_allowed`, `case_gone`, `case_taken`, `not_yours`, `no_takeover`, …
        holder: who has the case, where somebody has.
        detail: what exactly is wrong, in words that no text has; empty where the key says it.
    """

    def __init__(self, key: str, holder: Operator | None = None, *, detail: str = "") -> None:
        super().__init__(key)
        self.key = key
        self.holder = holder
        self.detail = detail


def require_active(operator: Operator) -> None:
    """Refuse whoever was removed.

    Raises:
        RefusedError: `not_allowed`.
    """
    if not operator.is_active:
        raise RefusedError("not_allowed")


def require_admin(operator: Operator) -> None:
    """Refuse whoever is no admin.

    Raises:
        RefusedError: `not_allowed`.
    """
    if not operator.is_admin:
        raise RefusedError("not_allowed")

"""Distinct types for ids, so that mypy refuses one id in place of another."""

from typing import NewType

PersonId = NewType("PersonId", int)
SessionId = NewType("SessionId", int)
TurnId = NewType("TurnId", int)
UpdateId = NewType("UpdateId", int)
OutboxId = NewType("OutboxId", int)
CaseId = NewType("CaseId", int)
OperatorId = NewType("OperatorId", int)
CheckInId = NewType("CheckInId", int)
ContactId = NewType("ContactId", int)
ReplyId = NewType("ReplyId", int)

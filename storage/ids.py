"""Identifiers as distinct types, so that one cannot stand in for another."""

from typing import NewType

PersonId = NewType("PersonId", int)
SessionId = NewType("SessionId", int)
TurnId = NewType("TurnId", int)
UpdateId = NewType("UpdateId", int)
OutboxId = NewType("OutboxId", int)
CaseId = NewType("CaseId", int)
OperatorId = NewType("OperatorId", int)
CheckInId = NewType("CheckInId", int)

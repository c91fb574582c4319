"""Safety plans: a person's own notes on what helps them, sealed with their key."""

import json
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import delete, select, update

from storage.database import keys
from storage.database.connection import Transaction, upsert
from storage.database.schema import safety_plans
from storage.ids import PersonId

SEAL_CONTEXT = "safety_plans.body"


@dataclass(slots=True)
class Plan:
    """A person's safety plan.

    Attributes:
        items: the entries of each step, by the step's name.
        open_step: the index of the step that the next message fills in, or None.
    """

    items: dict[str, list[str]] = field(default_factory=dict)
    open_step: int | None = None

    @property
    def is_empty(self) -> bool:
        """Whether the plan has no entries."""
        return not any(self.items.values())


async def get(
    transaction: Transaction, person_id: PersonId, *, open_since: datetime | None = None
) -> Plan | None:
    """Return the person's plan, or None.

    With `open_since`, return it only if a step is open and it changed after that instant.
    """
    query = select(safety_plans.c.body, safety_plans.c.open_step).where(
        safety_plans.c.person_id == person_id
    )
    if open_since is not None:
        query = query.where(
            safety_plans.c.open_step.is_not(None), safety_plans.c.changed_at > open_since
        )
    row = (await transaction.execute(query)).one_or_none()
    if row is None:
        return None
    return Plan(
        json.loads(await keys.unseal(transaction, person_id, row.body, SEAL_CONTEXT)), row.open_step
    )


async def put(transaction: Transaction, person_id: PersonId, plan: Plan) -> None:
    """Store a plan in place of an older one."""
    text = json.dumps(plan.items, ensure_ascii=False)
    values = {
        "body": await keys.seal(transaction, person_id, text, SEAL_CONTEXT),
        "open_step": plan.open_step,
        "changed_at": transaction.now,
    }
    await transaction.execute(
        upsert(transaction.dialect, safety_plans, {"person_id": person_id}, values)
    )


async def close_step(transaction: Transaction, person_id: PersonId) -> None:
    """Close the open step, keeping the entries."""
    await transaction.execute(
        update(safety_plans)
        .where(safety_plans.c.person_id == person_id, safety_plans.c.open_step.is_not(None))
        .values(open_step=None)
    )


async def delete_plan(transaction: Transaction, person_id: PersonId) -> bool:
    """Delete a person's plan, and return False if there was none."""
    statement = delete(safety_plans).where(safety_plans.c.person_id == person_id)
    return (await transaction.execute(statement)).rowcount == 1

"""The audit log: who signed in, ran, labelled, exported and deleted what, in the order in which it happened."""

import getpass
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from . import schema
from .database import reading, writing
from .store import RunStore


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """Something that a person did.

    Attributes:
        at: when.
        person: the name or e-mail address of who did it; the user of the operating system where nobody signed in.
        action: what was done, in words.
        details: numbers and names of what it was done to; never a text of a conversation, a key or a password.
    """

    at: datetime
    person: str
    action: str
    details: Mapping[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """Return the event as JSON values."""
        return {"at": self.at.isoformat(), "person": self.person, "action": self.action, "details": dict(self.details)}


def record_event(store: RunStore, person: str, action: str, details: Mapping[str, Any]) -> None:
    """Add an event to the log.

    Args:
        store: the run store.
        person: who did it; empty: the user of this process.
        action, details: as of `AuditEvent`.
    """
    values = {"at": datetime.now(UTC), "person": person or system_user(), "action": action, "details": dict(details)}
    with writing(store.engine) as connection:
        connection.execute(sa.insert(schema.audit_events).values(**values))


def audit_events(store: RunStore, limit: int = 100) -> list[AuditEvent]:
    """Return the newest events, the newest first."""
    table = schema.audit_events
    query = sa.select(table.c.at, table.c.person, table.c.action, table.c.details).order_by(table.c.id.desc())
    with reading(store.engine) as connection:
        return [AuditEvent(*row) for row in connection.execute(query.limit(limit))]


def system_user() -> str:
    """Return the name of the user of this process; `unknown` where the system does not say."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return "unknown"

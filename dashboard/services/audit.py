"""Rights and records: each step of a person that is more than reading is allowed by the role, and is written down."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from convexplain.store import RunStore
from convexplain.store.audit import record_event

from .people import Action, check_right, current_person


@contextmanager
def recorded(store: RunStore | str, right: Action, action: str, **details: Any) -> Iterator[dict[str, Any]]:
    """Check that the person who acts now may do something; once it is done, add it to the audit log.

    Args:
        store: the run store, or its URL or file.
        right: what the person must be allowed to do.
        action: what is done, in words.
        details: numbers and names of what it is done to. More can be added to the dictionary that is given.

    Raises:
        UsageError: the person's role does not allow it.
    """
    person = check_right(right)
    yield details
    record(store, person.name, action, **details)


def record(store: RunStore | str, person: str, action: str, **details: Any) -> None:
    """Add something that a person did to the audit log."""
    if isinstance(store, RunStore):
        record_event(store, person, action, details)
        return
    opened = RunStore(store)
    try:
        record_event(opened, person, action, details)
    finally:
        opened.close()


def reviewer_of(typed: str) -> str:
    """Return under which name a label or a review is kept: that of the sign-in, else the typed one."""
    person = current_person()
    return person.name if person is not None and person.name else typed

"""The people who use the dashboard: their roles, what these may do, and who acts now."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

from convexplain.errors import UsageError
from convexplain.text.visible import one_line

_log = logging.getLogger("convexplain.dashboard")

Role = Literal["review", "admin"]
ROLES: tuple[Role, ...] = get_args(Role)

Action = Literal["label", "run models", "export", "delete", "change maxims", "manage connections"]
"""What is more than reading."""

RIGHTS: dict[Role, frozenset[Action]] = {"review": frozenset({"label"}), "admin": frozenset(get_args(Action))}


@dataclass(frozen=True, slots=True)
class Person:
    """A person who may see the pages.

    Attributes:
        name: an e-mail address from an identity provider, or the name that the person typed; empty: nobody signs in.
        role: `review` reads and labels, `admin` may do everything.
        source: how the person signed in: `password`, the name of a provider, or empty.
    """

    name: str
    role: Role
    source: str = ""

    @property
    def account(self) -> str:
        """Return what a quota is counted for: people who share a password share it too."""
        return f"{self.source}:{self.role}" if self.source == "password" else f"{self.source}:{self.name}"

    def may(self, action: Action) -> bool:
        """Return whether the person may do this."""
        return action in RIGHTS[self.role]


LOCAL = Person("", "admin")
"""Whoever reaches a dashboard in which nobody has to sign in."""


class _Door:
    """The function that says who acts now; the pages set it, since only they know the browser's session."""

    find: Callable[[], Person | None] = staticmethod(lambda: LOCAL)


def identify_people_by(find: Callable[[], Person | None]) -> None:
    """Set the function that says who acts now; None: nobody who has signed in."""
    _Door.find = staticmethod(find)


def current_person() -> Person | None:
    """Return who acts now; None: nobody who has signed in."""
    return _Door.find()


def check_right(action: Action) -> Person:
    """Return who acts now, where this person may do so.

    Raises:
        UsageError: nobody has signed in, or the person's role does not allow it.
    """
    person = current_person()
    if person is None:
        raise UsageError("your session has ended; reload the page and sign in again")
    if not person.may(action):
        _log.warning("refused: %s (%s) may not %s", one_line(person.name), person.role, action)
        raise UsageError(f"the role {person.role!r} may not {action}; ask somebody with the role 'admin'")
    return person


def allowed(action: Action) -> bool:
    """Return whether the person who acts now may do this."""
    person = current_person()
    return person is not None and person.may(action)

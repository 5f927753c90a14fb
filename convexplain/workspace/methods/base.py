"""The store of a workspace, and helpers of its methods."""

import os
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import platformdirs

from convexplain.analysis.progress import Progress
from convexplain.errors import UsageError
from convexplain.store import RunStore

MEMORY = "memory"
"""A workspace that keeps nothing."""


def default_database() -> str:
    """Return the default store: `CONVEXPLAIN_DB`, or convexplain.db in the user's data folder."""
    folder = Path(platformdirs.user_data_dir("convexplain"))
    return os.environ.get("CONVEXPLAIN_DB") or str(folder / "convexplain.db")


class StoreMethods:
    """Opens the store at first use.

    Args:
        db: SQLAlchemy URL or SQLite file of the run store, or an open store; None takes `CONVEXPLAIN_DB`, else
            convexplain.db in the user's data folder; `"memory"` keeps nothing, for one judgement or explanation.
    """

    def __init__(self, db: str | Path | RunStore | None = None) -> None:
        self._db = db
        self._own = not isinstance(db, RunStore)

    @cached_property
    def store(self) -> RunStore:
        """Return the run store, opened at first use.

        Raises:
            StoreError: it cannot be opened.
            UsageError: this workspace keeps nothing.
        """
        if isinstance(self._db, RunStore):
            return self._db
        if self._db == MEMORY:
            raise UsageError("db='memory' keeps nothing: name a store, for instance Workspace('convexplain.db')")
        return RunStore(str(self._db) if self._db is not None else default_database())

    @property
    def cache(self) -> RunStore | None:
        """Return the store as a cache of replies; None if this workspace keeps nothing."""
        return None if self._db == MEMORY else self.store

    def close(self) -> None:
        """Give back the store's connections, where it was opened here."""
        if self._own and "store" in self.__dict__:
            self.store.close()


def are_paths(logs: Any) -> bool:
    """Return whether logs are given as paths, and not as conversations."""
    if isinstance(logs, (str, Path)):
        return True
    return isinstance(logs, (list, tuple)) and bool(logs) and all(isinstance(log, (str, Path)) for log in logs)


def as_paths(logs: Any) -> tuple[Path, ...]:
    """Return one or several paths as a tuple."""
    return (Path(logs),) if isinstance(logs, (str, Path)) else tuple(Path(log) for log in logs)


def check_turns(turns: str) -> None:
    """Raise UsageError unless `turns` is `all` or `last`."""
    if turns not in ("all", "last"):
        raise UsageError(f"turns={turns!r} is not valid; valid are: 'all', 'last'")


def tell_replaced(replaced: Mapping[str, int], progress: Progress) -> None:
    """Note how often each kind of personal data was replaced, where any was."""
    if replaced:
        counts = ", ".join(f"{count:,} x {kind}" for kind, count in sorted(replaced.items(), key=lambda pair: -pair[1]))
        progress.note(f"Replaced: {counts}.")

"""The themes of a run for their page: read, corrected by people, and searched for in a job."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from convexplain.analysis.themes.theme import Place
from convexplain.errors import ConvexplainError
from convexplain.store import RunStore
from convexplain.workspace import RunThemes, ThemeTurn, Workspace
from convexplain.workspace.job_specs import ThemesJob
from convexplain.workspace.jobs import list_jobs

from .audit import recorded

MEMBERS = (0, 3, 8)
"""How many turns of each theme may be explained."""
_JOBS = 20  # newest jobs among which a running search is looked for


def themes_of(store: RunStore, run: int) -> RunThemes | None:
    """Return the themes of a run; None where nobody has looked for any."""
    return Workspace(store).stored_themes(run)


def turns_of(store: RunStore, theme: int) -> list[ThemeTurn]:
    """Return all turns of a theme, the most typical first."""
    return Workspace(store).theme_turns(theme)


def rename(store: RunStore, theme: int, name: str) -> str:
    """Rename a theme; return why that cannot be, or nothing."""
    return _change(store, "rename theme", theme, lambda: Workspace(store).rename_theme(theme, name))


def merge(store: RunStore, theme: int, merged: Sequence[int]) -> str:
    """Put the turns of other themes into a theme; return why that cannot be, or nothing."""
    return _change(store, "merge themes", theme, lambda: Workspace(store).merge_themes(theme, *merged))


def split(store: RunStore, theme: int, places: Sequence[Place], name: str) -> str:
    """Move turns of a theme into a new one; return why that cannot be, or nothing."""
    return _change(
        store, "split theme", theme, lambda: Workspace(store).split_theme(theme, places, name.strip() or None)
    )


def pin(store: RunStore, theme: int, *, pinned: bool) -> str:
    """Pin or unpin a theme; return why that cannot be, or nothing."""
    workspace = Workspace(store)
    action = "pin theme" if pinned else "unpin theme"
    return _change(store, action, theme, lambda: (workspace.pin_theme if pinned else workspace.unpin_theme)(theme))


def rubric_draft(store: RunStore, theme: int) -> tuple[str, str]:
    """Return the draft of a theme's rubric, or nothing; and why it cannot be made, or nothing."""
    try:
        return Workspace(store).theme_rubric(theme), ""
    except ConvexplainError as error:
        return "", str(error)


def running_search(database: str, run: int) -> int | None:
    """Return the number of the job that looks for the themes of a run; None where none does."""
    jobs = (state for state in list_jobs(database, _JOBS) if state.status == "running")
    return next((state.job.id for state in jobs if _searches(state.job.kind, state.job.settings, run)), None)


def _searches(kind: str, settings: Mapping[str, Any], run: int) -> bool:
    return kind == ThemesJob.kind and settings.get("run") == run


def _change(store: RunStore, action: str, theme: int, change: Callable[[], object]) -> str:
    try:
        with recorded(store, "label", action, theme=theme):
            change()
    except ConvexplainError as error:
        return str(error)
    return ""

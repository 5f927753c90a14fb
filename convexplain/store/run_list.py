"""The list of runs with their counts and means, and the names of runs."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa

from convexplain.errors import UsageError

from . import schema
from .database import reading, writing
from .run_records import Run, is_alive, to_run
from .samples import SampleDesign, to_design
from .store import RunStore
from .summary import MaximSummary, estimated, maxim_summaries

_LONGEST_NAME = 100

RunStatus = Literal["complete", "running", "stopped"]


@dataclass(frozen=True, slots=True)
class RunOverview:
    """A run in a list.

    Attributes:
        id: its number in the store.
        name: None without one.
        judge: the judge's model.
        created_at: when it began.
        status: `complete`; `running` (a process works on it); `stopped` (the same analysis goes on with it).
        logs: the judged files; empty for conversations from the store.
        conversations: its conversations, judged or not.
        turns: its turns with a judgement, scored or not.
        maxims: counts and means of each maxim, in the order of their first judgements.
        sample: the design of its sample; None where it judged everything.
    """

    id: int
    name: str | None
    judge: str
    created_at: datetime
    status: RunStatus
    logs: tuple[str, ...]
    conversations: int
    turns: int
    maxims: tuple[MaximSummary, ...]
    sample: SampleDesign | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the run as JSON values."""
        return {**asdict(self), "created_at": self.created_at.isoformat()}


def run_overviews(store: RunStore) -> list[RunOverview]:
    """Return all analyses with their counts, the newest first, in four queries, and a few for each sample."""
    runs, judgements, members = schema.runs, schema.judgements, schema.run_conversations
    columns = (runs.c.id, runs.c.name, runs.c.judge, runs.c.created_at, runs.c.status, runs.c.owner, runs.c.alive_at)
    places = sa.select(judgements.c.run, judgements.c.conversation, judgements.c.turn).distinct().subquery()
    with reading(store.engine) as connection:
        analyses = sa.select(*columns, runs.c.settings, runs.c.sample).where(runs.c.purpose == "analysis")
        rows = connection.execute(analyses.order_by(runs.c.id.desc())).all()
        conversations = _counts(connection, members)
        turns = _counts(connection, places)
        maxims: dict[int, list[tuple[str, MaximSummary]]] = {}
        for run, sha, maxim in maxim_summaries(connection):
            maxims.setdefault(run, []).append((sha, maxim))
    return [
        RunOverview(
            id=row.id,
            name=row.name,
            judge=row.judge,
            created_at=row.created_at,
            status=_status(row),
            logs=tuple(row.settings.get("logs", ())),
            conversations=conversations.get(row.id, 0),
            turns=turns.get(row.id, 0),
            maxims=tuple(
                maxim if row.sample is None else estimated(store, row.id, sha, maxim)
                for sha, maxim in maxims.get(row.id, ())
            ),
            sample=None if row.sample is None else to_design(row.sample),
        )
        for row in rows
    ]


def earlier_runs(store: RunStore, run: int, limit: int) -> list[Run]:
    """Return the complete analyses that began before a run, the newest first."""
    table = schema.runs
    complete = (table.c.purpose == "analysis", table.c.status == "done", table.c.id < run)
    query = sa.select(table).where(*complete).order_by(table.c.id.desc()).limit(limit)
    with reading(store.engine) as connection:
        return [to_run(row) for row in connection.execute(query)]


def check_run_name(store: RunStore, name: str) -> None:
    """Check that a run that begins, or goes on, can have a name.

    Raises:
        UsageError: the name is not valid, or a run that is complete has it.
    """
    _check_name(name)
    table = schema.runs
    query = sa.select(table.c.id).where(table.c.name == name, table.c.status == "done")
    with reading(store.engine) as connection:
        owner = connection.execute(query).scalar()
    if owner is not None:
        raise UsageError(f"name {name!r} is the name of run {owner}; choose another one")


def name_run(store: RunStore, run: int, name: str | None) -> None:
    """Give a run a name, or remove its name (None).

    Raises:
        UsageError: the name is not valid, or another run has it.
    """
    if name is not None:
        _check_name(name)
    table = schema.runs
    with writing(store.engine) as connection:
        same_name = sa.select(table.c.id).where(table.c.name == name, table.c.id != run)
        owner = None if name is None else connection.execute(same_name).scalar()
        if owner is not None:
            raise UsageError(f"name {name!r} is the name of run {owner}; choose another one")
        connection.execute(sa.update(table).where(table.c.id == run).values(name=name))


def _check_name(name: str) -> None:
    if name != name.strip() or not name or len(name) > _LONGEST_NAME or not name.isprintable() or name[0] == "-":
        raise UsageError(
            f"name {name!r} is not valid; valid are 1 to {_LONGEST_NAME} printable characters that begin neither with "
            "a blank nor with a hyphen"
        )
    if name.lstrip("+").isdigit():
        raise UsageError(f"name {name!r} is not valid; a whole number is the number of a run")


def _counts(connection: sa.Connection, table: sa.FromClause) -> dict[int, int]:
    rows = connection.execute(sa.select(table.c.run, sa.func.count()).select_from(table).group_by(table.c.run))
    return {row[0]: row[1] for row in rows}


def _status(row: Any) -> RunStatus:
    if row.status == "done":
        return "complete"
    return "running" if is_alive(row.owner, row.alive_at, row.status, include_self=True) else "stopped"

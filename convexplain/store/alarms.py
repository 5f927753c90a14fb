"""Thresholds that an alarm budget has chosen for a run: they stand in place of the rubrics' in all of the run."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

import sqlalchemy as sa

from convexplain.types import Rubric

from . import schema
from .database import reading, writing
from .run_records import Run
from .scored_turns import run_rubrics
from .store import RunStore

AlarmOrigin = Literal["run", "reference", "small run"]
_ADJECTIVES = {"off_topic": "off-topic", "repeat": "repeating"}


@dataclass(frozen=True, slots=True)
class Alarm:
    """A threshold under which a given share of ordinary turns falls, for one maxim of a run.

    Attributes:
        rubric: the maxim's id.
        share: the budget, in (0, 1): this share of ordinary turns may be flagged.
        threshold: turns that score below it are flagged, in (0, 1).
        rubric_threshold: the threshold in whose place it stands.
        origin: the scores that it comes from: those of this `run`, those of good turns on the `reference` set or with
            people's labels, or those of a `small run` without enough turns.
        turns: the turns of the run with a score.
        flagged: those of them that score below the threshold.
        catch: by kind of bad turn the share that scores below it on reference data; empty where that is not known.
        flags: whether the judge's scores may be held against a threshold at all; else they only sort.
    """

    rubric: str
    share: float
    threshold: float
    rubric_threshold: float
    origin: AlarmOrigin
    turns: int
    flagged: int
    catch: Mapping[str, float] = field(default_factory=dict)
    flags: bool = True

    @property
    def sentence(self) -> str:
        """Return the threshold, where it comes from, and what it flags, in words."""
        budget = f"{100 * self.share:.3g} %"
        lowest = f"the lowest {budget} of this run's {self.turns:,} scores lie below it"
        origin = {
            "run": lowest,
            "reference": f"of turns that are known to be good at most {budget} score below it",
            "small run": f"{lowest}; these are few, so another log may give quite another threshold",
        }[self.origin]
        start = f"{self.rubric}: alarm threshold {self.threshold:.3g} instead of {self.rubric_threshold:g} ({origin})"
        if not self.flags:
            return f"{start}. It flags no turn: the judge's scores on this maxim only sort turns."
        share = f" ({self.flagged / self.turns:.1%})" if self.turns else ""
        catch = ", ".join(f"{value:.0%} of {_ADJECTIVES.get(kind, kind)}" for kind, value in self.catch.items())
        caught = f" Of turns that are known to be bad it catches {catch} ones." if catch else ""
        return f"{start}. It flags {self.flagged:,} of {self.turns:,} turns{share}.{caught}"


def run_alarms(run: Run) -> list[Alarm]:
    """Return the thresholds that an alarm budget has chosen for a run; empty without one."""
    return [Alarm(**body) for body in run.alarms.values()]


def budget_rubrics(run: Run, rubrics: Iterable[Rubric]) -> list[Rubric]:
    """Return rubrics of a run with the thresholds that they had before an alarm budget."""
    before = {alarm.rubric: alarm.rubric_threshold for alarm in run_alarms(run)}
    return [replace(rubric, threshold=before.get(rubric.id, rubric.threshold)) for rubric in rubrics]


def sorted_scores(store: RunStore, run: int, rubric: Rubric) -> list[float]:
    """Return a run's scores on a rubric, the lowest first."""
    table = schema.judgements
    query = (
        sa.select(table.c.score)
        .where(table.c.run == run, table.c.rubric == rubric.sha, table.c.score.is_not(None))
        .order_by(table.c.score)
    )
    with reading(store.engine) as connection:
        return [float(row.score) for row in connection.execute(query)]


def keep_alarms(store: RunStore, run: int, alarms: Sequence[Alarm]) -> None:
    """Put the thresholds of alarms in place of the rubrics' for a run's judgements, and keep the alarms with it."""
    thresholds = {alarm.rubric: alarm.threshold for alarm in alarms}
    pairs = [
        (rubric, replace(rubric, threshold=thresholds[rubric.id]))
        for rubric in run_rubrics(store, run)
        if rubric.id in thresholds
    ]
    for _, rubric in pairs:
        store.keep_rubric(rubric)
    table = schema.judgements
    with writing(store.engine) as connection:
        for before, after in pairs:
            moved = sa.update(table).where(table.c.run == run, table.c.rubric == before.sha)
            connection.execute(moved.values(rubric=after.sha))
        bodies: dict[str, Any] = {alarm.rubric: asdict(alarm) for alarm in alarms}
        connection.execute(sa.update(schema.runs).where(schema.runs.c.id == run).values(alarms=bodies))

"""What the workspace returns: typed results that become dictionaries and data frames."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from convexplain.analysis.runs import write_judgements
from convexplain.errors import MissingExtraError
from convexplain.explain.wording import contrast_outcome
from convexplain.store import (
    LowScore,
    LowTurn,
    Run,
    RunOverview,
    RunStore,
    ScoredTurn,
    Summary,
    attribution_body,
    contrast_body,
    low_turn_count,
    low_turns,
    run_rubrics,
    summarise,
)
from convexplain.types import Attribution, Contrast, Conversation, Judgement, Rubric, Turn, Unit


def data_frame(rows: Iterable[Mapping[str, Any]]) -> Any:
    """Return rows as a pandas DataFrame.

    Raises:
        MissingExtraError: pandas is not installed.
    """
    try:
        import pandas as pd
    except ImportError:
        raise MissingExtraError("to_pandas()", "dashboard") from None
    return pd.DataFrame(list(rows))


class Judgements(list[Judgement]):
    """Judgements, a list of them, in the order of judges, rubrics, conversations and turns."""

    def to_dict(self) -> list[dict[str, Any]]:
        """Return each judgement's fields."""
        return [asdict(judgement) for judgement in self]

    def to_pandas(self) -> Any:
        """Return a pandas DataFrame with a row for each judgement.

        Raises:
            MissingExtraError: pandas is not installed.
        """
        return data_frame(_row(judgement) for judgement in self)


class Runs(list[RunOverview]):
    """The runs of a store, a list of them, the newest first."""

    def to_dict(self) -> list[dict[str, Any]]:
        """Return each run's fields as JSON values."""
        return [run.to_dict() for run in self]

    def to_pandas(self) -> Any:
        """Return a pandas DataFrame with a row for each maxim of each run; a run without a judgement has one row.

        Raises:
            MissingExtraError: pandas is not installed.
        """
        return data_frame(row for run in self for row in _maxim_rows(run))


@dataclass(frozen=True, slots=True)
class Finding:
    """A judged turn that deserves a look.

    Attributes:
        run: the run's number.
        judged: the turn as the store has it, with the maxim whose threshold it is furthest below.
        below: its scores that are below their threshold, the furthest below first.
    """

    run: int
    judged: ScoredTurn
    below: tuple[LowScore, ...] = ()

    @property
    def score(self) -> float | None:
        """The score in [0, 1], 1 = the requirement is satisfied; None = unscored."""
        return self.judged.score

    @property
    def conversation(self) -> Conversation:
        """The conversation."""
        return self.judged.conversation

    @property
    def index(self) -> int:
        """The turn's index in the conversation."""
        return self.judged.turn

    @property
    def turn(self) -> Turn:
        """The turn itself."""
        return self.judged.conversation.turns[self.judged.turn]

    @property
    def rubric(self) -> Rubric:
        """The rubric."""
        return self.judged.rubric

    def to_dict(self) -> dict[str, Any]:
        """Return where the turn is, its score and its text."""
        return {
            "run": self.run,
            "conversation_id": self.conversation.id,
            "turn": self.index,
            "rubric": self.rubric.id,
            "score": self.score,
            "threshold": self.rubric.threshold,
            "below": [{"rubric": low.rubric, "score": low.score, "threshold": low.threshold} for low in self.below],
            "content": self.turn.content,
        }


@dataclass(frozen=True)
class AnalyzedRun:
    """A run of the store and what it found.

    Attributes:
        store: the store.
        run: the run, with what it has cost.
        escalated: how many judgements are the second judge's, in words; empty where there is none.
    """

    store: RunStore
    run: Run
    escalated: str = ""

    @property
    def id(self) -> int:
        """The run's number in the store."""
        return self.run.id

    @cached_property
    def summary(self) -> Summary:
        """What the run found, counted, with the three worst turns of each rubric."""
        return summarise(self.store, self.run)

    @property
    def rubrics(self) -> list[Rubric]:
        """The rubrics that were judged by."""
        return run_rubrics(self.store, self.run.id)

    @property
    def judgements(self) -> Judgements:
        """All judgements."""
        return Judgements(judgement for _, judgement in self.store.judgements(self.run.id))

    def write_judgements(self, path: Path) -> int:
        """Write each judgement as a line of JSON with the fields of `Judgement`, and return how many there are."""
        return write_judgements(self.store, self.run, path)

    def worst(self, n: int = 3, rubric: str | None = None) -> list[Finding]:
        """Return the n turns that are furthest below a threshold, the furthest below first.

        Args:
            n: how many turns, over all rubrics.
            rubric: only this rubric's id.
        """
        rubrics = {each.sha: each for each in self.rubrics}
        low = low_turns(self.store, self.run.id, n, None if rubric is None else [rubric])
        return [self._finding(turn, rubrics[turn.scores[0].sha]) for turn in low]

    @cached_property
    def low_turns(self) -> int:
        """How many turns are below a threshold."""
        return low_turn_count(self.store, self.run.id)

    def to_dict(self) -> dict[str, Any]:
        """Return the summary as JSON values."""
        body = asdict(self.summary)
        body["worst"] = [finding.to_dict() for finding in self.worst()]
        return body

    def to_pandas(self) -> Any:
        """Return a pandas DataFrame with a row for each judgement and the text of its turn.

        Raises:
            MissingExtraError: pandas is not installed.
        """
        return data_frame(self._rows())

    def _finding(self, turn: LowTurn, rubric: Rubric) -> Finding:
        lowest = turn.scores[0]
        judged = ScoredTurn(turn.number, turn.conversation, turn.turn, rubric, lowest.score, lowest.model)
        return Finding(self.run.id, judged, turn.scores)

    def _rows(self) -> Iterator[dict[str, Any]]:
        for conversation, judgement in self.store.judgements(self.run.id):
            yield {**_row(judgement), "content": conversation.turns[judgement.turn].content}


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a turn's score hangs on, and what would have changed it.

    Attributes:
        finding: the turn.
        attributions: one for each level, the coarsest first.
        contrast: the smallest edit that carries the score over its threshold, or the largest movement.
        validated: whether the score's agreement with people is known.
    """

    finding: Finding
    attributions: Sequence[Attribution]
    contrast: Contrast | None
    validated: bool

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON values."""
        return {
            **self.finding.to_dict(),
            "validated": self.validated,
            "attributions": [attribution_body(attribution) for attribution in self.attributions],
            "contrast": None if self.contrast is None else contrast_body(self.contrast),
        }

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        finding = self.finding
        score = "no score" if finding.score is None else f"{finding.score:.2f}"
        place = f"{finding.conversation.id}, turn {finding.index}"
        yield f"{place}: {finding.rubric.id} {score} (threshold {finding.rubric.threshold:g})"
        if not self.validated:
            yield "  Nobody has held this judge against people on this maxim: read the score as a sorting order."
        coarsest = next(iter(self.attributions), None)
        if coarsest is None:
            yield "  No turn before it could be looked at."
        elif coarsest.full is None:
            yield "  What it hangs on could not be measured: the judge gave no score this time."
        else:
            moving = _moving(coarsest)
            if not moving:
                yield f"  No earlier turn moves it by more than the judge's noise ({coarsest.noise or 0:.2f})."
            for unit, without in moving:
                words = " ".join(finding.conversation.turns[unit.turn].content[unit.start : unit.end].split())
                yield f"  {without:.2f} without turn {unit.turn}: {_cut(words)}"
        if self.contrast is not None:
            yield f"  {contrast_outcome(self.contrast, finding.rubric.threshold)}"
            for edit in self.contrast.edits if self.contrast.found else ():
                before, after = (_cut(text) or "(nothing)" for text in (edit.before, edit.after))
                yield f"  turn {edit.unit.turn}: {before} -> {after}"


def _moving(attribution: Attribution) -> list[tuple[Unit, float]]:
    """The three units without which the score would differ most, beyond noise, with that score."""
    rows = zip(attribution.units, attribution.scores_without, attribution.noisy, strict=True)
    moving = [(unit, without) for unit, without, noisy in rows if without is not None and not noisy]
    return sorted(moving, key=lambda pair: -abs(pair[1] - (attribution.score or 0.0)))[:3]


def _cut(text: str, longest: int = 100) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"


def _row(judgement: Judgement) -> dict[str, Any]:
    return {
        "conversation_id": judgement.conversation_id,
        "turn": judgement.turn,
        "rubric": judgement.rubric,
        "score": judgement.score,
        "label": judgement.label,
        "reason": judgement.reason,
        "judge": judgement.model,
    }


def _maxim_rows(run: RunOverview) -> Iterator[dict[str, Any]]:
    about = {
        "run": run.id,
        "name": run.name,
        "judge": run.judge,
        "created_at": run.created_at,
        "status": run.status,
        "conversations": run.conversations,
        "turns": run.turns,
    }
    for maxim in run.maxims:
        unscored = {"scored": maxim.judged - maxim.unscored, "unscored": maxim.unscored}
        yield {**about, "rubric": maxim.rubric, **unscored, "mean": maxim.mean, "below": maxim.below}
    if not run.maxims:
        yield {**about, "rubric": None, "scored": 0, "unscored": 0, "mean": None, "below": None}

"""Results of the workspace: typed, and to be had as dictionaries and data frames."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from convexplain.analysis.runs import write_judgements
from convexplain.errors import MissingExtraError
from convexplain.explain.explanations import chosen_rubrics, no_such_turn
from convexplain.explain.wording import scope_note
from convexplain.report.trust_marks import TrustMark, trust_mark
from convexplain.store import (
    LowScore,
    LowTurn,
    Run,
    RunOverview,
    RunStore,
    ScoredTurn,
    Summary,
    low_turn_count,
    low_turns,
    run_rubrics,
    scored_places,
    scored_turns,
    summarise,
)
from convexplain.store.samples import SampleDesign, run_sample
from convexplain.store.summary import head_card
from convexplain.store.warned_turns import WarnedTurns, warned_turns
from convexplain.types import Conversation, Judgement, Rubric, Turn

from .trust import Trust, run_trust


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
    """The runs of a store, a list of them, the newest first.

    Args:
        runs: the runs.
        trust: by a run's number and a maxim's id, how far its judge is known to agree with people.
    """

    def __init__(
        self, runs: Iterable[RunOverview] = (), trust: Mapping[int, Mapping[str, Trust]] | None = None
    ) -> None:
        super().__init__(runs)
        self.trust = trust or {}

    def to_dict(self) -> list[dict[str, Any]]:
        """Return each run's fields as JSON values, without the share below a threshold that proves nothing."""
        bodies = [run.to_dict() for run in self]
        for body in bodies:
            levels = self.trust.get(body["id"], {})
            body["maxims"] = [_marked(maxim, levels.get(maxim["rubric"])) for maxim in body["maxims"]]
        return bodies

    def to_pandas(self) -> Any:
        """Return a pandas DataFrame with a row for each maxim of each run; a run without a judgement has one row.

        Raises:
            MissingExtraError: pandas is not installed.
        """
        return data_frame(row for run in self for row in _maxim_rows(run, self.trust.get(run.id, {})))


@dataclass(frozen=True, slots=True)
class Finding:
    """A judged turn that deserves a look.

    Attributes:
        run: the run's number.
        judged: the turn as the store has it, with the maxim whose threshold it is furthest below.
        trust: in the judge on that maxim.
        below: its scores that are below their threshold, the furthest below first; empty where no score may be held
            against its threshold.
        lowest: where `below` is empty, its scores on the maxims that only sort turns, the lowest first.
    """

    run: int
    judged: ScoredTurn
    trust: Trust
    below: tuple[LowScore, ...] = ()
    lowest: tuple[LowScore, ...] = ()

    @property
    def score(self) -> float | None:
        """Return the score in [0, 1], 1 = the requirement is satisfied; None = unscored."""
        return self.judged.score

    @property
    def conversation(self) -> Conversation:
        """Return the conversation."""
        return self.judged.conversation

    @property
    def index(self) -> int:
        """Return the turn's index in the conversation."""
        return self.judged.turn

    @property
    def turn(self) -> Turn:
        """Return the turn itself."""
        return self.judged.conversation.turns[self.judged.turn]

    @property
    def rubric(self) -> Rubric:
        """Return the rubric."""
        return self.judged.rubric

    def to_dict(self) -> dict[str, Any]:
        """Return where the turn is, its score and its text."""
        return {
            "run": self.run,
            "conversation_id": self.conversation.id,
            "turn": self.index,
            "rubric": self.rubric.id,
            "scope": self.rubric.scope,
            "score": self.score,
            "threshold": self.rubric.threshold,
            "trust": trust_mark(self.trust).word,
            "below": [{"rubric": low.rubric, "score": low.score, "threshold": low.threshold} for low in self.below],
            "content": self.turn.content,
        }


@dataclass(frozen=True)
class AnalyzedRun:
    """A run of the store with its results.

    Attributes:
        store: the store.
        run: the run, with its cost.
        escalated: how many judgements are the second judge's, in words; empty where there is none.
    """

    store: RunStore
    run: Run
    escalated: str = ""

    @property
    def id(self) -> int:
        """Return the run's number in the store."""
        return self.run.id

    @cached_property
    def sample(self) -> SampleDesign | None:
        """Return the design of the sample that the run has judged; None where it judged everything."""
        return run_sample(self.run)

    @cached_property
    def summary(self) -> Summary:
        """Return the counts and means of the run, with the lowest scores of each rubric."""
        return summarise(self.store, self.run)

    @cached_property
    def rubrics(self) -> list[Rubric]:
        """Return the rubrics of the run."""
        return run_rubrics(self.store, self.run.id)

    @cached_property
    def scope_notes(self) -> dict[str, str]:
        """Return by the maxims' ids what follows their names: `, whole conversation`, or nothing."""
        return {rubric.id: scope_note(rubric) for rubric in self.rubrics}

    @cached_property
    def trust(self) -> dict[str, Trust]:
        """Return how far the run's judge is known to agree with people or the reference set, by the maxims' ids."""
        cards = {rubric.id: head_card(self.store, self.run, rubric.sha) or "" for rubric in self.rubrics}
        return run_trust(self.store, self.run, self.rubrics, cards)

    @cached_property
    def marks(self) -> dict[str, TrustMark]:
        """Return how that trust is shown, by the maxims' ids."""
        return {rubric: trust_mark(trust) for rubric, trust in self.trust.items()}

    @property
    def warned(self) -> WarnedTurns:
        """Return the turns with a warning: words in them may speak to the judge, or two prompts disagree."""
        return warned_turns(self.store, self.run.id)

    @property
    def judgements(self) -> Judgements:
        """Return all judgements."""
        return Judgements(judgement for _, judgement in self.store.judgements(self.run.id))

    def write_judgements(self, path: Path) -> int:
        """Write each judgement as a line of JSON with the fields of `Judgement`, and return how many there are."""
        return write_judgements(self.store, self.run, path)

    def worst(self, n: int = 3, rubrics: Sequence[str] = ()) -> list[Finding]:
        """Return the n turns that deserve a look most; none of an empty run.

        First those below a threshold, the furthest below first. Scores that may not be held against a threshold (nobody
        has compared the judge with people on that maxim) only sort: the turns with the lowest of them follow.

        Args:
            n: how many turns, over all rubrics.
            rubrics: ids of the rubrics that count; all if empty.

        Raises:
            UsageError: the run was not judged by one of the rubrics.
        """
        if not rubrics and not self.rubrics:
            return []
        chosen = chosen_rubrics(self.store, self.run, rubrics)
        flags, sorts = (
            [rubric.id for rubric in chosen if self.marks[rubric.id].flags is flag] for flag in (True, False)
        )
        by_sha = {rubric.sha: rubric for rubric in chosen}
        below = low_turns(self.store, self.run.id, n, flags) if flags else []
        places = {(turn.number, turn.turn) for turn in below}
        low = low_turns(self.store, self.run.id, n, sorts, below=False) if sorts and len(below) < n else []
        further = [turn for turn in low if (turn.number, turn.turn) not in places][: n - len(below)]
        return [self._finding(turn, by_sha[turn.scores[0].sha]) for turn in (*below, *further)]

    def at(self, conversation: str, turn: int, rubrics: Sequence[str] = ()) -> list[Finding]:
        """Return a turn with each of its scores that are below the threshold; else with the one nearest to it.

        Args:
            conversation: the conversation's id; of several conversations with one id, the turn of each is returned.
            turn: the turn's index, from 0.
            rubrics: ids of the rubrics that count; all if empty.

        Raises:
            UsageError: the run was not judged by one of the rubrics, or has not judged the turn.
        """
        chosen = chosen_rubrics(self.store, self.run, rubrics)
        judged = [
            scored
            for rubric in chosen
            for scored in scored_turns(
                self.store, rubric, scored_places(self.store, self.run.id, rubric, place=(conversation, turn))
            )
        ]
        if not judged:
            raise no_such_turn(self.store, self.run, chosen, (conversation, turn))
        ranked = sorted((scored for scored in judged if scored.score is not None), key=_margin)
        findings: list[Finding] = []
        for number in dict.fromkeys(scored.number for scored in ranked):
            same = [scored for scored in ranked if scored.number == number]
            low = [scored for scored in same if _margin(scored) < 0]
            below = tuple(_low_score(scored) for scored in low if self.marks[scored.rubric.id].flags)
            findings += [Finding(self.id, scored, self.trust[scored.rubric.id], below) for scored in low or same[:1]]
        return findings

    @cached_property
    def low_turns(self) -> int:
        """Return the number of turns below a threshold, by the scores that may be held against one."""
        flags = [rubric for rubric, mark in self.marks.items() if mark.flags]
        return low_turn_count(self.store, self.run.id, flags) if flags else 0

    def to_dict(self) -> dict[str, Any]:
        """Return the summary as JSON values."""
        body = asdict(self.summary)
        body["maxims"] = [_marked(maxim, self.trust[maxim["rubric"]]) for maxim in body["maxims"]]
        body["worst"] = [finding.to_dict() for finding in self.worst()]
        body["trust"] = {rubric: trust.to_dict() for rubric, trust in self.trust.items()}
        body["sample"] = None if self.sample is None else {**self.sample.to_dict(), "sentence": self.sample.sentence}
        return body

    def to_pandas(self) -> Any:
        """Return a pandas DataFrame with a row for each judgement and the text of its turn.

        Raises:
            MissingExtraError: pandas is not installed.
        """
        return data_frame(self._rows())

    def _finding(self, turn: LowTurn, rubric: Rubric) -> Finding:
        lowest = turn.scores[0]
        judged = ScoredTurn(
            turn.number,
            turn.conversation,
            turn.turn,
            rubric,
            lowest.score,
            lowest.model,
            lowest.reason,
            lowest.reason_quotes,
            warnings=lowest.warnings,
        )
        trust = self.trust[rubric.id]
        scores = (turn.scores, ()) if trust_mark(trust).flags else ((), turn.scores)
        return Finding(self.run.id, judged, trust, *scores)

    def _rows(self) -> Iterator[dict[str, Any]]:
        for conversation, judgement in self.store.judgements(self.run.id):
            text = conversation.turns[judgement.turn].content
            yield {**_row(judgement), "trust": self.marks[judgement.rubric].word, "content": text}


def _low_score(turn: ScoredTurn) -> LowScore:
    rubric = turn.rubric
    return LowScore(
        rubric.id,
        turn.score or 0.0,
        rubric.threshold,
        turn.model,
        rubric.sha,
        turn.reason,
        turn.reason_quotes,
        turn.warnings,
    )


def _margin(turn: ScoredTurn) -> float:
    """By how much a scored turn is above its threshold; negative below it."""
    return (turn.score or 0.0) - turn.rubric.threshold


def _row(judgement: Judgement) -> dict[str, Any]:
    return {
        "conversation_id": judgement.conversation_id,
        "turn": judgement.turn,
        "rubric": judgement.rubric,
        "score": judgement.score,
        "label": judgement.label,
        "reason": judgement.reason,
        "reason_quotes": judgement.evidence.reason_quotes,
        "warnings": list(judgement.evidence.warnings),
        "judge": judgement.model,
    }


def _marked(maxim: Mapping[str, Any], trust: Trust | None) -> dict[str, Any]:
    """Return a maxim's counts with the trust in the judge; without the share below where it proves nothing."""
    if trust is None:
        return dict(maxim)
    mark = trust_mark(trust)
    hidden = {} if mark.flags else {name: None for name in ("below", "below_interval") if name in maxim}
    return {**maxim, **hidden, "trust": mark.word}


def _maxim_rows(run: RunOverview, trust: Mapping[str, Trust]) -> Iterator[dict[str, Any]]:
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
        counts: dict[str, Any] = {"rubric": maxim.rubric, **unscored, "mean": maxim.mean, "below": maxim.below}
        if run.sample is not None:
            counts |= {"mean_interval": maxim.mean_interval, "below_interval": maxim.below_interval}
        yield {**about, **_marked(counts, trust.get(maxim.rubric))}
    if not run.maxims:
        yield {**about, "rubric": None, "scored": 0, "unscored": 0, "mean": None, "below": None, "trust": None}

"""Measures of a judge on the reference set: pure functions of planted turns and judgements."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convexplain.agreement.bootstrap import Draws, Floats
from convexplain.agreement.categories import share
from convexplain.agreement.ranks import auc
from convexplain.errors import UsageError
from convexplain.fidelity import Estimate
from convexplain.types import Judgement, Rubric, sha256_json

from .baselines import BASELINES
from .parts import BAD_KINDS, Kind
from .planting import MAXIMS, PlantedLog, PlantedTurn
from .reference_set import Half
from .wording import reading_sentence

LOWEST = 10
"""Turns with the lowest scores whose planted ones are counted: what a person looks at first."""


@dataclass(frozen=True, slots=True)
class MaximBenchmark:
    """A judge on one maxim of the reference set. Of every AUC 1 is best and 0.5 is chance.

    Attributes:
        rubric: the maxim's id.
        wording: `wording_of` the rubric: another wording may be read better or worse.
        half: the half of the set.
        set_sha: the SHA-256 of that half.
        threshold: turns that score below it are flagged.
        bad: labelled turns that do not satisfy the maxim, scored or not.
        unscored: labelled turns without a score; they count in no measure.
        reason: the most frequent reason why a turn has no score; empty where all have one.
        auc: the chance that a good turn scores above a bad one, with its 95 % interval over scenarios.
        length, position: the same of the number of words, and of the turn's place in the conversation.
        kinds: the same for the bad turns of each kind alone.
        lowest: how many of the ten lowest-scored turns are bad; of turns with equal scores their share counts.
        recall: the share of the bad turns that are flagged.
        precision: the share of the flagged turns that are bad.
        scores: the sorted scores, rounded to 3 decimals, of the turns with nothing wrong (`good`), and of the turns of
            each kind that do not satisfy the maxim.
    """

    rubric: str
    wording: str
    half: Half
    set_sha: str
    threshold: float
    bad: int
    unscored: int
    reason: str
    auc: Estimate
    length: Estimate
    position: Estimate
    kinds: Mapping[Kind, Estimate]
    lowest: float
    recall: Estimate
    precision: Estimate
    scores: Mapping[Kind, tuple[float, ...]] = field(default_factory=dict, hash=False)

    @property
    def beats_baselines(self) -> bool:
        """Return whether the judge does better than chance and than length."""
        return beats_baselines(self.auc, self.length)

    def to_dict(self) -> dict[str, Any]:
        """Return all fields as JSON values."""
        return {**asdict(self), "beats_baselines": self.beats_baselines}


@dataclass(frozen=True, slots=True)
class JudgeBenchmark:
    """A judge on one half of the reference set.

    Attributes:
        judge: the judge's name.
        fingerprint: what identifies its scores.
        half: the half of the set.
        set_sha: the SHA-256 of that half.
        turns: the assistant turns of the half.
        planted: those of them that are bad.
        unscored: turns without a score on a maxim that was judged.
        maxims: one for each maxim.
        lowest: how many of the ten turns with the lowest score over their maxims are planted ones.
        recall: the share of the planted turns that are flagged on any maxim.
        precision: the share of the turns flagged on any maxim that are planted ones.
        flagged: the share of the turns of each kind, good ones too, that are flagged on any maxim.
    """

    judge: str
    fingerprint: str
    half: Half
    set_sha: str
    turns: int
    planted: int
    unscored: int
    maxims: tuple[MaximBenchmark, ...]
    lowest: float
    recall: Estimate
    precision: Estimate
    flagged: Mapping[Kind, Estimate]

    @property
    def kinds(self) -> dict[Kind, Estimate]:
        """Return for each kind its AUC on the maxim that tells it best from good turns."""
        best: dict[Kind, Estimate] = {}
        for maxim in self.maxims:
            for kind, estimate in maxim.kinds.items():
                if kind not in best or (estimate.value or 0.0) > (best[kind].value or 0.0):
                    best[kind] = estimate
        return best

    @property
    def sentence(self) -> str:
        """Return what the judge reads and what it misses, in one sentence."""
        return reading_sentence(self.kinds)

    def to_dict(self) -> dict[str, Any]:
        """Return all fields, and the sentence, as JSON values."""
        return {**asdict(self), "maxims": [maxim.to_dict() for maxim in self.maxims], "sentence": self.sentence}


def beats_baselines(judge: Estimate, length: Estimate) -> bool:
    """Return whether an AUC is above chance by its whole interval, and above that of length, in either direction.

    Args:
        judge: the judge's AUC.
        length: that of the number of words.
    """
    by_length = 0.5 if length.value is None else max(length.value, 1 - length.value)
    return judge.value is not None and judge.low is not None and judge.low > 0.5 and judge.value > by_length


def wording_of(rubric: Rubric) -> str:
    """Return the SHA-256 of all that a judge is asked by a rubric; title and threshold are not part of it."""
    labels = [[label.name, label.value, label.criterion] for label in rubric.labels]
    examples = [[example.label, [[turn.role, turn.content] for turn in example.turns]] for example in rubric.examples]
    return sha256_json([rubric.requirement, labels, examples, rubric.notes])


def check_labelled(rubrics: Sequence[Rubric]) -> None:
    """Check that planted turns have labels on rubrics.

    Raises:
        UsageError: they have none on one of them.
    """
    if unknown := [rubric.id for rubric in rubrics if rubric.id not in MAXIMS]:
        raise UsageError(
            f"rubric {unknown[0]!r}: the reference set has no labels on it; it has labels on: {', '.join(MAXIMS)}"
        )


def benchmark(
    log: PlantedLog,
    judgements: Sequence[Judgement],
    rubrics: Sequence[Rubric],
    half: Half = "reporting",
    judge: str = "",
    fingerprint: str = "",
) -> JudgeBenchmark:
    """Return the measures of a judge's scores of planted turns.

    Args:
        log: the turns, as of `reference_set(half)`.
        judgements: the judge's; a turn without one is unscored.
        rubrics: what was judged, by the ids of `MAXIMS`.
        half: the half of the reference set that the log is.
        judge: the judge's name.
        fingerprint: what identifies its scores.

    Raises:
        UsageError: the turns have no labels on one of the rubrics.
    """
    check_labelled(rubrics)
    judgements = list(judgements)
    scores = {(judged.conversation_id, judged.turn, judged.rubric): judged.score for judged in judgements}
    names = [rubric.id for rubric in rubrics]
    rows = [[scores.get((turn.conversation.id, turn.turn, name)) for name in names] for turn in log.turns]
    table = np.array(rows, dtype=np.float64).reshape(len(rows), len(names))
    thresholds = np.array([rubric.threshold for rubric in rubrics])
    scored: NDArray[np.bool_] = np.array(~np.isnan(table).all(axis=1), dtype=np.bool_)
    turns = [turn for turn, has_score in zip(log.turns, scored, strict=True) if has_score]
    kinds = np.array([turn.kind for turn in turns], dtype=np.str_)
    bad: NDArray[np.bool_] = np.array([turn.kind != "good" for turn in turns], dtype=bool)
    flagged: NDArray[np.bool_] = np.array((table[scored] < thresholds).any(axis=1), dtype=np.bool_)
    draws = Draws([turn.scenario for turn in turns])
    return JudgeBenchmark(
        judge=judge,
        fingerprint=fingerprint,
        half=half,
        set_sha=log.sha,
        turns=len(log.turns),
        planted=sum(turn.kind != "good" for turn in log.turns),
        unscored=int(np.isnan(table).any(axis=1).sum()),
        maxims=tuple(
            _maxim(log, table[:, column], rubric, half, _usual_reason(judgements, rubric.id))
            for column, rubric in enumerate(rubrics)
        ),
        lowest=lowest_bad(np.nanmin(table[scored], axis=1), bad) if scored.any() else 0.0,
        recall=draws.estimate(share(bad, flagged), "no planted turn has a score"),
        precision=draws.estimate(share(flagged, bad), "no turn is flagged"),
        flagged={
            kind: replace(draws.estimate(share(kinds == kind, flagged)), n=int((kinds == kind).sum()))
            for kind in ("good", *BAD_KINDS)
            if (kinds == kind).any()
        },
    )


def _usual_reason(judgements: Sequence[Judgement], rubric: str) -> str:
    """Return the most frequent reason why turns have no score on a maxim; empty where all have one."""
    reasons = Counter(judged.reason or "" for judged in judgements if judged.score is None and judged.rubric == rubric)
    return max(reasons, key=lambda reason: reasons[reason], default="")


def _maxim(log: PlantedLog, scores: Floats, rubric: Rubric, half: Half, reason: str) -> MaximBenchmark:
    labels = [turn.label(rubric.id) for turn in log.turns]
    labelled = np.array([label is not None for label in labels])
    rows = labelled & ~np.isnan(scores)
    turns = [turn for turn, used in zip(log.turns, rows, strict=True) if used]
    values, good = scores[rows], np.array([turn.label(rubric.id) == 1 for turn in turns], dtype=bool)
    draws = Draws([turn.scenario for turn in turns])
    flags = values < rubric.threshold
    missing = "no labelled turn has a score" if not len(turns) else "all labelled turns are good, or all are bad"

    def baseline(name: str) -> Estimate:
        numbers = np.array([BASELINES[name](turn) for turn in turns], dtype=np.float64)
        return draws.estimate(auc(numbers, good), missing)

    return MaximBenchmark(
        rubric=rubric.id,
        wording=wording_of(rubric),
        half=half,
        set_sha=log.sha,
        threshold=rubric.threshold,
        bad=labels.count(0),
        unscored=int((labelled & np.isnan(scores)).sum()),
        reason=reason,
        auc=draws.estimate(auc(values, good), missing),
        length=baseline("words"),
        position=baseline("position"),
        kinds={kind: estimate for kind in BAD_KINDS if (estimate := _kind(turns, values, good, kind)) is not None},
        lowest=lowest_bad(values, ~good),
        recall=draws.estimate(share(~good, flags), missing),
        precision=draws.estimate(share(flags, ~good), "no turn is flagged"),
        scores=_scores_by_kind(log, scores, rubric.id),
    )


def _scores_by_kind(log: PlantedLog, scores: Floats, rubric: str) -> dict[Kind, tuple[float, ...]]:
    """Return sorted scores by kind: of all good turns, also those without a label, and of bad turns by the maxim."""
    kinds: dict[Kind, list[float]] = {kind: [] for kind in ("good", *BAD_KINDS)}
    for turn, score in zip(log.turns, scores.tolist(), strict=True):
        if not np.isnan(score) and (turn.kind == "good" or turn.label(rubric) == 0):
            kinds[turn.kind].append(round(score, 3))
    return {kind: tuple(sorted(values)) for kind, values in kinds.items() if values}


def _kind(turns: Sequence[PlantedTurn], scores: Floats, good: NDArray[np.bool_], kind: Kind) -> Estimate | None:
    """Return the AUC of one kind of bad turns against all good ones, n being its bad turns; None without any."""
    of_kind = np.array([turn.kind == kind for turn in turns], dtype=bool) & ~good
    if not of_kind.any():
        return None
    rows = good | of_kind
    draws = Draws([turn.scenario for turn, used in zip(turns, rows, strict=True) if used])
    return replace(draws.estimate(auc(scores[rows], good[rows])), n=int(of_kind.sum()))


def lowest_bad(scores: Floats, bad: NDArray[np.bool_], n: int = LOWEST) -> float:
    """Return how many of the n lowest-scored turns are bad; where equal scores straddle the n-th, their share counts.

    Args:
        scores: one for each turn.
        bad: which turns are bad.
        n: how many turns.
    """
    n = min(n, len(scores))
    if n == 0:
        return 0.0
    last = np.sort(scores)[n - 1]
    below, tied = scores < last, scores == last
    return float(bad[below].sum() + bad[tied].mean() * (n - below.sum()))


def maxim_benchmark(body: Mapping[str, Any]) -> MaximBenchmark:
    """Return the measures of `MaximBenchmark.to_dict`."""
    fields = {name: figure for name, figure in body.items() if name != "beats_baselines"}
    estimates = ("auc", "length", "position", "recall", "precision")
    fields |= {name: Estimate(**body[name]) for name in estimates}
    fields["kinds"] = {kind: Estimate(**figures) for kind, figures in body["kinds"].items()}
    fields["scores"] = {kind: tuple(scores) for kind, scores in body.get("scores", {}).items()}
    return MaximBenchmark(**fields)


def judge_benchmark(body: Mapping[str, Any]) -> JudgeBenchmark:
    """Return the measures of `JudgeBenchmark.to_dict`."""
    fields = {name: figure for name, figure in body.items() if name != "sentence"}
    fields["maxims"] = tuple(map(maxim_benchmark, body["maxims"]))
    fields |= {name: Estimate(**body[name]) for name in ("recall", "precision")}
    return JudgeBenchmark(
        **{**fields, "flagged": {kind: Estimate(**figures) for kind, figures in body["flagged"].items()}}
    )

"""Trust in judges: how far the scores of a judge on a maxim agree with people, or with the reference set."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from convexplain.agreement import JudgeAgreement, RubricAgreement, Use, format_estimate, format_share
from convexplain.agreement.calibration import Calibration, calibration_from_body
from convexplain.agreement.shares import exact_interval
from convexplain.fidelity import Estimate
from convexplain.judges.heads import head_of
from convexplain.judges.injection_texts import TEXTS_SHA
from convexplain.judges.reference.measures import beats_baselines, wording_of
from convexplain.judges.reference.shipped_results import shipped_resistance, shipped_result, shipped_results
from convexplain.store import Run, RunStore, judge_agreement, keep_judge_agreement
from convexplain.types import Rubric

if TYPE_CHECKING:
    from .build import BuiltJudge

TrustState = Literal["validated", "benchmarked", "unvalidated"]

UNVALIDATED = "unvalidated: nobody has compared this judge with people on this maxim; use its scores only to sort."
INJECTION = "injection"
"""The source of what is known of a judge under injected text."""
_LABELS = "labels"  # the source of agreements with people
_GOOD = "good"
_EARLY: Use = "too early"
_FEW_GOOD = 20  # turns that people call good, from which on their scores are the ordinary ones
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Trust:
    """The evidence that a judge's scores on a maxim mean something.

    Attributes:
        rubric: the maxim's id.
        judge: the judge's name.
        state: `validated` by the labels of people, `benchmarked` on the reference set, or `unvalidated`.
        auc: the chance that a good turn scores above a bad one, 0.5 = chance, with its interval over dialogues or
            scenarios; None where it is not known.
        better: whether it does better than chance (by the whole interval) and than its baselines: the length of a turn,
            on people's labels also its place.
        use: what people's labels say that its scores may be used for; None where they say nothing.
        verdict: that in a sentence, with the numbers behind it; the judge's name belongs before it.
        note: why it is unvalidated, with the card of the head that scores where there is one; empty otherwise.
        injection: the share of attempts to talk it over its threshold by text in the chat that failed, 1 is best; None
            where that was not measured.
        scores: the judge's sorted scores of reference or labelled turns: under `good` of turns with nothing wrong,
            under any further name of bad turns of that kind (`bad`: those that people call bad); empty where unknown.
    """

    rubric: str
    judge: str
    state: TrustState = "unvalidated"
    auc: Estimate | None = None
    better: bool = True
    use: Use | None = None
    verdict: str = ""
    note: str = ""
    injection: Estimate | None = None
    scores: Mapping[str, Sequence[float]] = field(default_factory=dict, hash=False, compare=False)

    @property
    def lowest(self) -> float | None:
        """Return the lowest score that the judge has given to a turn with a label; None where none is known."""
        return min((min(scores) for scores in self.scores.values()), default=None)

    @property
    def highest(self) -> float | None:
        """Return the highest score that the judge has given to a turn with a label; None where none is known."""
        return max((max(scores) for scores in self.scores.values()), default=None)

    def quantile(self, share: float) -> float | None:
        """Return the highest threshold below which at most a share of good turns scores; None where none is known.

        Args:
            share: in [0, 1).
        """
        good = self.scores.get(_GOOD, ())
        return good[min(int(share * len(good) + _ROUNDING), len(good) - 1)] if good else None

    def catch(self, threshold: float) -> dict[str, float]:
        """Return the share of bad turns that score below a threshold, by their kind; empty where none is known."""
        return {
            kind: sum(score < threshold for score in scores) / len(scores)
            for kind, scores in self.scores.items()
            if kind != _GOOD
        }

    @property
    def flags(self) -> bool:
        """Return whether scores may be held against a threshold, counted and coloured; else they only sort turns."""
        return self.state != "unvalidated" and self.better and self.use in (None, "flagging")

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as JSON values, with the lowest and the highest score in place of all scores."""
        fields = {name: figure for name, figure in asdict(self).items() if name != "scores"}
        return {**fields, "lowest": self.lowest, "highest": self.highest}

    @property
    def injection_sentence(self) -> str:
        """Return how well the judge resists injected text, in a sentence; empty where that was not measured."""
        if self.injection is None:
            return ""
        return (
            f"Of {self.injection.n} attempts to talk it over its threshold by text in the chat, "
            f"{format_share(self.injection)} failed."
        )

    def __str__(self) -> str:
        sentence = self.injection_sentence
        return f"{self._agreement}. {sentence}" if sentence else self._agreement

    @property
    def _agreement(self) -> str:
        name = f"{self.rubric} by {self.judge}"
        if self.auc is None:
            return f"{name}: {(self.note or UNVALIDATED).rstrip('.') if self.injection else self.note or UNVALIDATED}"
        if self.state == "validated":
            where = f"on {self.auc.n:,} turns that people have labelled"
        else:
            where = "on the reference set"
        warning = "; for sorting, not for flagging" if self.use == "sorting" else ""
        if not self.better:
            warning = ": no better than chance or length, so do not act on its scores"
        return f"{name}: {self.state}, AUC {format_estimate(self.auc)} {where}{warning}"


def trust_keys(fingerprint: str, settings: Mapping[str, Any]) -> list[str]:
    """Return what identifies a judge's scores: with the judges that it escalates to where there are any, then without.

    Args:
        fingerprint: the `scoring_fingerprint` of its model.
        settings: `samples` and `escalate` as in the settings of a run.
    """
    samples, escalate = settings.get("samples"), settings.get("escalate")
    single = f"{fingerprint} samples={samples}" if samples else fingerprint
    if not escalate:
        return [single]
    *stronger, band = escalate
    return [f"{single} escalate={','.join(stronger)} band={band:g}", single]


def trust(
    store: RunStore | None,
    keys: Sequence[str],
    judge: str,
    rubric: Rubric,
    card: str = "",
    calibration: Calibration | None = None,
) -> Trust:
    """Return the trust in a judge on a maxim: people's labels come first, then the reference set.

    The card of a head shows with `unvalidated`: it says what the head was trained on, not how far this judge agrees.

    Args:
        store: where agreements are kept; None takes only what ships with convexplain.
        keys: as of `trust_keys`.
        judge: the judge's name.
        rubric: the maxim.
        card: the card of the head that scores, in words; empty without one.
        calibration: maps the judge's scores; None where they are raw.
    """
    wording = wording_of(rubric)
    level = _agreement_trust(store, keys, judge, rubric, wording, card, calibration)
    return replace(level, injection=_injection(store, keys, wording, rubric.threshold))


def _injection(store: RunStore | None, keys: Sequence[str], wording: str, threshold: float) -> Estimate | None:
    """Return the resistance to the texts that ship now, at the threshold that it was measured at; None if unknown."""
    for key in keys:
        body = _kept(store, key, wording, INJECTION) or shipped_resistance(key, wording)
        if body and body["texts_sha"] == TEXTS_SHA and body["threshold"] == threshold:
            return Estimate(**body["resistance"])
    return None


def _agreement_trust(
    store: RunStore | None,
    keys: Sequence[str],
    judge: str,
    rubric: Rubric,
    wording: str,
    card: str,
    calibration: Calibration | None,
) -> Trust:
    early = ""
    for key in keys:
        labels = _kept(store, key, wording, _LABELS)
        if labels and labels.get("use") == _EARLY:
            early, labels = early or labels["verdict"], None
        reference = _kept(store, key, wording, "reporting") or shipped_result(key, wording)
        if body := labels or reference:
            level = _trust(rubric.id, judge, "validated" if labels else "benchmarked", body)
            if key != keys[0] or (calibration is not None and len(keys) > 1):
                return level  # those scores are not on one scale with the run's
            level = _at_threshold(level, labels or {}, rubric.threshold, calibration)
            return replace(level, scores=_mapped(_label_scores(labels or {}, reference or {}), calibration))
    head = f" Its head: {card}" if card else ""
    so_far = f" People's labels so far: {early}" if early else ""
    return Trust(rubric.id, judge, verdict=early, note=f"{UNVALIDATED}{so_far}{head}" if early or head else "")


def judge_trust(store: RunStore | None, judge: "BuiltJudge", rubrics: Sequence[Rubric]) -> list[Trust]:
    """Return the trust in an open judge on each maxim.

    Args:
        store: as of `trust`.
        judge: the judge.
        rubrics: the maxims.
    """
    keys = trust_keys(judge.fingerprint, judge.settings)
    heads = {rubric.id: head_of(judge.model, rubric) for rubric in rubrics}
    cards = {name: str(head.card.get("summary", "")) for name, head in heads.items() if head is not None}
    return [
        trust(
            store,
            keys,
            judge.model.name,
            rubric,
            cards.get(rubric.id, ""),
            scale_calibration(keys, judge.settings, rubric.id),
        )
        for rubric in rubrics
    ]


def _label_scores(labels: Mapping[str, Any], reference: Mapping[str, Any]) -> dict[str, Sequence[float]]:
    """Return sorted scores by kind: good ones of people's labels where they are enough, kinds of the reference set."""
    scores: dict[str, Sequence[float]] = dict(reference.get("scores", {}))
    for kind, values in labels.get("scores", {}).items():
        if values and (kind != _GOOD or len(values) >= _FEW_GOOD or _GOOD not in scores):
            scores[kind] = values
    return scores


def _mapped(scores: Mapping[str, Sequence[float]], calibration: Calibration | None) -> Mapping[str, Sequence[float]]:
    if calibration is None:
        return scores
    return {kind: tuple(map(calibration.apply, values)) for kind, values in scores.items()}


def _at_threshold(level: Trust, labels: Mapping[str, Any], threshold: float, calibration: Calibration | None) -> Trust:
    """Return the trust at a threshold that may be another one than that which people's labels were held against.

    Where it flags more of the labelled turns, more of these have to be bad than of all, by the exact interval of their
    share; where it flags none of them, nothing is known of its flags.
    """
    scores = _mapped(labels.get("scores", {}), calibration)
    if level.use != "flagging" or not scores or labels.get("flagged") is None:
        return level
    good, bad = scores[_GOOD], scores["bad"]
    below = sum(score < threshold for score in bad)
    n = below + sum(score < threshold for score in good)
    share = len(bad) / (len(good) + len(bad))
    if 0 < n <= labels["flagged"] or (n and exact_interval(below, n)[0] > share):
        return level
    shares = f"of the {n:,} labelled turns below it {below / n:.0%} are bad, of all {share:.0%}" if n else ""
    reason = shares or "no labelled turn is below it"
    verdict = f"may be used for sorting, not for flagging at the threshold {threshold:.3g}: {reason}."
    return replace(level, use="sorting", verdict=verdict)


def scale_calibration(keys: Sequence[str], settings: Mapping[str, Any], rubric: str) -> Calibration | None:
    """Return the calibration that maps a judge's scores on a maxim; None where they are raw.

    Args:
        keys: as of `trust_keys`.
        settings: those of a run, or of a judge that has been built.
        rubric: the maxim's id.
    """
    body = settings.get("calibrated", {}).get(keys[-1], {}).get(rubric)
    return None if body is None else calibration_from_body(body)


def shipped_trust() -> list[Trust]:
    """Return the trust in judges whose results on the reference set ship with convexplain."""
    results = [halves["reporting"] for halves in shipped_results().values() if "reporting" in halves]
    return [
        _trust(maxim["rubric"], result["judge"], "benchmarked", maxim)
        for result in sorted(results, key=lambda result: str(result["judge"]))
        for maxim in result["maxims"]
        if maxim["auc"]["value"] is not None
    ]


def run_trust(store: RunStore, run: Run, rubrics: Sequence[Rubric], cards: Mapping[str, str]) -> dict[str, Trust]:
    """Return the trust in the judge of a run, by the ids of the maxims.

    Args:
        store: the store.
        run: the run.
        rubrics: the maxims.
        cards: by a maxim's id the card of the head that scored it.
    """
    keys = trust_keys(run.fingerprint, run.settings)
    return {
        rubric.id: trust(
            store,
            keys,
            run.judge,
            rubric,
            cards.get(rubric.id, ""),
            scale_calibration(keys, run.settings, rubric.id),
        )
        for rubric in rubrics
    }


def keep_validation(store: RunStore, agreements: Sequence[RubricAgreement]) -> None:
    """Keep how far the judges of runs agree with people; few labels do not take the place of enough earlier ones."""
    for agreement in agreements:
        length = next((baseline.measures["auc"] for baseline in agreement.baselines), None)
        for judge in agreement.judges:
            if judge.run is None or judge.usefulness is None or length is None:
                continue
            run, wording = store.run(judge.run), wording_of(agreement.rubric)
            key, verdict = trust_keys(run.fingerprint, run.settings)[0], judge.usefulness
            body: dict[str, Any] = {
                "auc": asdict(judge.measures["auc"]),
                "length": asdict(length),
                "use": verdict.use,
                "verdict": verdict.sentence,
                "flagged": None if verdict.precision.value is None else verdict.precision.n,
            }
            if not ("escalate" in run.settings and "calibrated" in run.settings):  # else there is no single scale
                body["scores"] = _scores_of_labels(judge, agreement.rubric.threshold)
            earlier = _kept(store, key, wording, _LABELS) or {"use": _EARLY}
            if verdict.use != _EARLY or earlier.get("use") == _EARLY:
                keep_judge_agreement(store, key, wording, _LABELS, body)


def _scores_of_labels(judge: JudgeAgreement, threshold: float) -> dict[str, list[float]]:
    """Return the sorted scores, before any calibration, of the turns that people call good and of those called bad."""
    scores: dict[str, list[float]] = {_GOOD: [], "bad": []}
    for disagreement in judge.disagreements:
        judgement = disagreement.judgement
        raw = judgement.evidence.raw_score
        score = judgement.score if raw is None else raw
        if score is not None:
            scores["bad" if disagreement.turn.human < threshold else _GOOD].append(round(score, 3))
    return {kind: sorted(values) for kind, values in scores.items()}


def _kept(store: RunStore | None, key: str, wording: str, source: str) -> dict[str, Any] | None:
    return None if store is None else judge_agreement(store, key, wording, source)


def _trust(rubric: str, judge: str, state: TrustState, body: Mapping[str, Any]) -> Trust:
    auc, length = Estimate(**body["auc"]), Estimate(**body["length"])
    use: Use | None = body.get("use")
    better = beats_baselines(auc, length) if use is None else use != "neither"
    return Trust(rubric, judge, state, auc, better, use, body.get("verdict", ""))

"""Trust in judges: how far the scores of a judge on a maxim agree with people, or with the reference set."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from convexplain.agreement import RubricAgreement, format_estimate
from convexplain.fidelity import Estimate
from convexplain.judges.reference.measures import beats_baselines, wording_of
from convexplain.judges.reference.shipped_results import shipped_result, shipped_results
from convexplain.store import Run, RunStore, judge_agreement, keep_judge_agreement
from convexplain.types import Rubric

TrustState = Literal["validated", "benchmarked", "unvalidated"]

UNVALIDATED = "unvalidated: nobody has compared this judge with people on this maxim; use its scores only to sort."
_LABELS = "labels"  # the source of agreements with people


@dataclass(frozen=True, slots=True)
class Trust:
    """The evidence that a judge's scores on a maxim mean something.

    Attributes:
        rubric: the maxim's id.
        judge: the judge's name.
        state: `validated` by the labels of people, `benchmarked` on the reference set, or `unvalidated`.
        auc: the chance that a good turn scores above a bad one, 0.5 = chance, with its interval over dialogues or
            scenarios; None where it is not known.
        better: whether it does better than chance (by the whole interval) and than the length of a turn.
        note: why it is unvalidated, with the card of the head that scores where there is one; empty otherwise.
    """

    rubric: str
    judge: str
    state: TrustState = "unvalidated"
    auc: Estimate | None = None
    better: bool = True
    note: str = ""

    @property
    def flags(self) -> bool:
        """Return whether scores may be held against a threshold, counted and coloured; else they only sort turns."""
        return self.state != "unvalidated" and self.better

    def to_dict(self) -> dict[str, Any]:
        """Return all fields as JSON values."""
        return asdict(self)

    def __str__(self) -> str:
        name = f"{self.rubric} by {self.judge}"
        if self.auc is None:
            return f"{name}: {self.note or UNVALIDATED}"
        if self.state == "validated":
            where = f"on {self.auc.n:,} turns that people have labelled"
        else:
            where = "on the reference set"
        warning = "" if self.better else ": no better than chance or length, so do not act on its scores"
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


def trust(store: RunStore | None, keys: Sequence[str], judge: str, rubric: Rubric, card: str = "") -> Trust:
    """Return the trust in a judge on a maxim: people's labels come first, then the reference set.

    The card of a head shows with `unvalidated`: it says what the head was trained on, not how far this judge agrees.

    Args:
        store: where agreements are kept; None takes only what ships with convexplain.
        keys: as of `trust_keys`.
        judge: the judge's name.
        rubric: the maxim.
        card: the card of the head that scores, in words; empty without one.
    """
    wording = wording_of(rubric)
    for key in keys:
        if body := _kept(store, key, wording, _LABELS):
            return _trust(rubric.id, judge, "validated", body)
        if result := _kept(store, key, wording, "reporting") or shipped_result(key, wording):
            return _trust(rubric.id, judge, "benchmarked", result)
    return Trust(rubric.id, judge, note=f"{UNVALIDATED} Its head: {card}" if card else "")


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
    return {rubric.id: trust(store, keys, run.judge, rubric, cards.get(rubric.id, "")) for rubric in rubrics}


def keep_validation(store: RunStore, agreements: Sequence[RubricAgreement]) -> None:
    """Keep how far the judges of runs agree with people, where there are enough labels for an interval."""
    for agreement in agreements:
        length = next((baseline.measures["auc"] for baseline in agreement.baselines), None)
        for judge in agreement.judges:
            auc = judge.measures["auc"]
            if judge.run is None or auc.low is None or length is None:
                continue
            run = store.run(judge.run)
            body = {"auc": asdict(auc), "length": asdict(length)}
            key = trust_keys(run.fingerprint, run.settings)[0]
            keep_judge_agreement(store, key, wording_of(agreement.rubric), _LABELS, body)


def _kept(store: RunStore | None, key: str, wording: str, source: str) -> dict[str, Any] | None:
    return None if store is None else judge_agreement(store, key, wording, source)


def _trust(rubric: str, judge: str, state: TrustState, body: Mapping[str, Any]) -> Trust:
    auc, length = Estimate(**body["auc"]), Estimate(**body["length"])
    return Trust(rubric, judge, state, auc, beats_baselines(auc, length))

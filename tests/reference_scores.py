"""Results of a judge on reference turns, for tests of what is said of its scores."""

from dataclasses import asdict

from convexplain.fidelity import Estimate
from convexplain.judges.reference.measures import wording_of
from convexplain.store import keep_judge_agreement


def keep_scores(store, rubric, scores, judge="scripted", auc=(0.9, 0.8, 0.95)):
    """Make a judge `benchmarked` on a maxim in a store, with the sorted scores of good and bad turns by kind."""
    body = {"auc": asdict(Estimate(*auc, 100)), "length": asdict(Estimate(0.5, 0.4, 0.6, 100)), "scores": scores}
    keep_judge_agreement(store, judge, wording_of(rubric), "reporting", body)

"""Judges in each state of trust, as validations and benchmarks leave them in a store."""

from dataclasses import asdict

from convexplain.fidelity import Estimate
from convexplain.judges.reference.measures import wording_of
from convexplain.store import keep_judge_agreement

AUC, CHANCE = Estimate(0.84, 0.78, 0.9, 212), Estimate(0.52, 0.44, 0.6, 212)
LENGTH = Estimate(0.5, 0.4, 0.6, 212)
SOURCES = {"validated": ("labels", AUC), "benchmarked": ("reporting", AUC), "no better": ("reporting", CHANCE)}


def keep_trust(store, fingerprint, states):
    """Keep how far a judge agrees with people, by rubric: `validated`, `benchmarked` or `no better`."""
    for rubric, state in states.items():
        source, auc = SOURCES[state]
        body = {"auc": asdict(auc), "length": asdict(LENGTH)}
        keep_judge_agreement(store, fingerprint, wording_of(rubric), source, body)

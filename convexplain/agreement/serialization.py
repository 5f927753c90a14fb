"""Agreement as JSON values."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from convexplain.fidelity import Estimate

from .pairs import PairAgreement
from .results import Disagreement, JudgeAgreement, RubricAgreement
from .usefulness import Usefulness

_DISAGREEMENTS = 200  # of each judge
_CHARACTERS = 1000  # of each text


def agreement_body(agreement: RubricAgreement) -> dict[str, Any]:
    """Return an agreement as JSON values, with each judge's widest disagreements."""
    return {
        "rubric": agreement.rubric.id,
        "title": agreement.rubric.title,
        "rubric_sha": agreement.rubric.sha,
        "threshold": agreement.rubric.threshold,
        "turns": agreement.turns,
        "dialogues": agreement.dialogues,
        "ratings": agreement.ratings,
        "raters": agreement.raters,
        "positive": agreement.positive,
        "levels": list(agreement.steps),
        "alpha": asdict(agreement.alpha),
        "human_ceiling": asdict(agreement.ceiling),
        "judges": [_judge(judge) for judge in agreement.judges],
        "baselines": [
            {"name": baseline.name, "measures": _measures(baseline.measures)} for baseline in agreement.baselines
        ],
        "comparisons": [
            {"first": pair.first, "second": pair.second, "differences": _measures(pair.differences)}
            for pair in agreement.comparisons
        ],
        "escalations": [asdict(curve) for curve in agreement.escalations],
        "pairs": None if agreement.pairs is None else _pairs(agreement.pairs),
        "notes": list(agreement.notes),
    }


def _judge(judge: JudgeAgreement) -> dict[str, Any]:
    return {
        "name": judge.name,
        "run": judge.run,
        "n": judge.n,
        "threshold": judge.threshold,
        "unscored": dict(judge.unscored),
        "usefulness": None if judge.usefulness is None else _usefulness(judge.usefulness),
        "measures": _measures(judge.measures),
        "confusion": None if judge.confusion is None else asdict(judge.confusion),
        "reliability": [asdict(part) for part in judge.bins],
        "disagreements": [_disagreement(disagreement) for disagreement in judge.disagreements[:_DISAGREEMENTS]],
    }


def _usefulness(use: Usefulness) -> dict[str, Any]:
    return {**asdict(use), "sentence": use.sentence}


def _measures(measures: Mapping[str, Estimate]) -> dict[str, Any]:
    return {name: asdict(estimate) for name, estimate in measures.items()}


def _pairs(pairs: PairAgreement) -> dict[str, Any]:
    return {
        "n": pairs.n,
        "accuracy": _measures(pairs.accuracy),
        "differences": [
            {"first": first, "second": second, "difference": asdict(estimate)}
            for first, second, estimate in pairs.differences
        ],
    }


def _disagreement(disagreement: Disagreement) -> dict[str, Any]:
    turn, judgement = disagreement.turn, disagreement.judgement
    turns = turn.conversation.turns
    return {
        "conversation": turn.conversation.id,
        "source": turn.conversation.source,
        "turn": turn.turn,
        "human": turn.human,
        "ratings": [{"rater": rating.rater, "score": rating.score, "label": rating.label} for rating in turn.ratings],
        "score": judgement.score,
        "label": judgement.label,
        "reason": judgement.reason,
        "gap": disagreement.gap,
        "before": turns[turn.turn - 1].content[:_CHARACTERS] if turn.turn else "",
        "response": turns[turn.turn].content[:_CHARACTERS],
    }

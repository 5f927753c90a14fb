"""Agreement as JSON values."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from convexplain.fidelity import Estimate

from .agreements import Disagreement, JudgeAgreement, RubricAgreement
from .pairs import PairAgreement

SHOWN = 200
"""Disagreements of a judge that are written."""
_LONGEST = 1000


def agreement_body(found: RubricAgreement) -> dict[str, Any]:
    """Everything that is known of one rubric, with each judge's widest disagreements."""
    return {
        "rubric": found.rubric.id,
        "title": found.rubric.title,
        "rubric_sha": found.rubric.sha,
        "threshold": found.rubric.threshold,
        "turns": found.turns,
        "dialogues": found.dialogues,
        "ratings": found.ratings,
        "raters": found.raters,
        "positive": found.positive,
        "levels": list(found.steps),
        "alpha": asdict(found.alpha),
        "human_ceiling": asdict(found.ceiling),
        "judges": [_judge(judge) for judge in found.judges],
        "baselines": [{"name": one.name, "measures": _measures(one.measures)} for one in found.baselines],
        "comparisons": [
            {"first": one.first, "second": one.second, "differences": _measures(one.differences)}
            for one in found.comparisons
        ],
        "escalations": [asdict(one) for one in found.escalations],
        "pairs": None if found.pairs is None else _pairs(found.pairs),
        "notes": list(found.notes),
    }


def _judge(judge: JudgeAgreement) -> dict[str, Any]:
    return {
        "name": judge.name,
        "run": judge.run,
        "n": judge.n,
        "threshold": judge.threshold,
        "unscored": dict(judge.unscored),
        "measures": _measures(judge.measures),
        "confusion": None if judge.confusion is None else asdict(judge.confusion),
        "reliability": [asdict(part) for part in judge.bins],
        "disagreements": [_disagreement(one) for one in judge.disagreements[:SHOWN]],
    }


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


def _disagreement(one: Disagreement) -> dict[str, Any]:
    turn, judgement = one.turn, one.judgement
    turns = turn.conversation.turns
    return {
        "conversation": turn.conversation.id,
        "source": turn.conversation.source,
        "turn": turn.turn,
        "human": turn.human,
        "ratings": [{"rater": item.rater, "score": item.score, "label": item.label} for item in turn.ratings],
        "score": judgement.score,
        "label": judgement.label,
        "reason": judgement.reason,
        "gap": one.gap,
        "before": turns[turn.turn - 1].content[:_LONGEST] if turn.turn else "",
        "response": turns[turn.turn].content[:_LONGEST],
    }

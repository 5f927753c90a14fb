"""Texts about agreement that the terminal and the HTML report share."""

import shlex

from convexplain.fidelity import Estimate
from convexplain.text.visible import one_line

from .results import Disagreement, JudgeAgreement

MARKS = {"high": "↑", "low": "↓", "zero": "→0"}
"""Marks of the good end of a measure."""


def format_estimate(estimate: Estimate, signed: bool = False, digits: int = 2) -> str:
    """Return an estimate with its interval as text; a dash if it is undefined."""
    if estimate.value is None:
        return "–"
    form = f"{'+' if signed else ''}z.{digits}f"  # z: a rounded zero has no minus
    text = f"{estimate.value:{form}}"
    return text if estimate.low is None else f"{text} [{estimate.low:{form}}, {estimate.high:{form}}]"


def explain_command(judge: JudgeAgreement, disagreement: Disagreement, rubric: str) -> str:
    """Return the command that explains the score of a judged turn."""
    place = shlex.quote(f"{disagreement.turn.conversation.id}:{disagreement.turn.turn}")
    return one_line(f"convexplain explain {judge.run} --turn {place} --rubric {shlex.quote(rubric)}")

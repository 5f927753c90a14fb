"""What agreement looks like in words, the same in the terminal and on the page."""

import shlex

from convexplain.fidelity import Estimate
from convexplain.text.visible import one_line

from .agreements import Disagreement, JudgeAgreement

MARKS = {"high": "↑", "low": "↓", "zero": "→0"}
"""Which end of a measure is good."""


def number(found: Estimate, signed: bool = False, digits: int = 2) -> str:
    """A value with its interval; a dash where there is none."""
    if found.value is None:
        return "–"
    form = f"{'+' if signed else ''}z.{digits}f"  # z: a rounded zero has no minus
    value = f"{found.value:{form}}"
    return value if found.low is None else f"{value} [{found.low:{form}}, {found.high:{form}}]"


def explain_line(judge: JudgeAgreement, one: Disagreement, rubric: str) -> str:
    """The command that says what a judged turn's score hangs on."""
    place = shlex.quote(f"{one.turn.conversation.id}:{one.turn.turn}")
    return one_line(f"convexplain explain {judge.run} --turn {place} --rubric {shlex.quote(rubric)}")

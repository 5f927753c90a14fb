"""A judge whose scores are calibrated; its raw scores stay beside them."""

from collections.abc import Mapping
from dataclasses import replace

from convexplain.agreement.calibration import Calibration
from convexplain.analysis.pipeline import TurnJudge
from convexplain.models.chat import Request
from convexplain.types import Conversation, Judgement, Rubric


class CalibratedJudge:
    """A judge that maps the scores of another judge by calibrations.

    Args:
        judge: gives the raw judgements.
        calibrations: rubric id to its calibration; scores on other rubrics stay as they are.
    """

    def __init__(self, judge: TurnJudge, calibrations: Mapping[str, Calibration]) -> None:
        self._judge = judge
        self._calibrations = calibrations

    async def judge_turn(self, conversation: Conversation, turn: int, rubric: Rubric, again: int = 0) -> Judgement:
        """Judge a turn and calibrate the score; `evidence.raw_score` is the score before."""
        judgement = await self._judge.judge_turn(conversation, turn, rubric, again)
        calibration = self._calibrations.get(rubric.id)
        if calibration is None or judgement.score is None:
            return judgement
        evidence = replace(judgement.evidence, raw_score=judgement.score)
        return replace(judgement, score=calibration.apply(judgement.score), evidence=evidence)

    def requests(self, conversation: Conversation, turn: int, rubric: Rubric) -> list[Request]:
        """Return the calls of the judge."""
        return self._judge.requests(conversation, turn, rubric)

"""A judge whose scores are calibrated; what it said itself stays beside them."""

from collections.abc import Mapping
from dataclasses import replace

from convexplain.agreement.calibration import Calibration
from convexplain.analysis.pipeline import TurnJudge
from convexplain.models.chat import Request
from convexplain.types import Conversation, Judgement, Rubric


class CalibratedJudge:
    """Maps a judge's scores.

    Args:
        judge: the judge.
        calibrations: rubric's id to its calibration; other rubrics stay as they are.
    """

    def __init__(self, judge: TurnJudge, calibrations: Mapping[str, Calibration]) -> None:
        self._judge = judge
        self._calibrations = calibrations

    async def judge_turn(self, conversation: Conversation, turn: int, rubric: Rubric, again: int = 0) -> Judgement:
        """The judgement with the calibrated score; `evidence.raw_score` is what the judge gave."""
        found = await self._judge.judge_turn(conversation, turn, rubric, again)
        calibration = self._calibrations.get(rubric.id)
        if calibration is None or found.score is None:
            return found
        evidence = replace(found.evidence, raw_score=found.score)
        return replace(found, score=calibration.apply(found.score), evidence=evidence)

    def requests(self, conversation: Conversation, turn: int, rubric: Rubric) -> list[Request]:
        """The judge's calls."""
        return self._judge.requests(conversation, turn, rubric)

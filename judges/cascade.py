"""A cascade of two judges: a cheap one for every turn, a strong one where the cheap one is unsure."""

from convexplain.analysis.pipeline import TurnJudge
from convexplain.errors import UsageError
from convexplain.models.chat import Request
from convexplain.types import Conversation, Judgement, Rubric

from .reasons import Reasons
from .spec import BAND


class Cascade:
    """A judge that asks a strong judge where a cheap one's score lies near the threshold, or is missing.

    Args:
        cheap: judges every turn.
        strong: judges the turns again about which the cheap one is unsure; its judgement then counts.
        band: how far from the threshold a score must lie for the cheap judge to be believed, in [0, 1].
        reasons: adds reasons to the judgements of the cheap judge that count; the strong judge gives its own.

    Attributes:
        strong: the strong judge.
        judged, escalated: how many turns were judged, and how many of them by the strong judge.

    Raises:
        UsageError: the band is not in [0, 1].
    """

    def __init__(self, cheap: TurnJudge, strong: TurnJudge, band: float = BAND, reasons: Reasons | None = None) -> None:
        if not 0 <= band <= 1:
            raise UsageError(f"band={band} is not valid; it must be in [0, 1]")
        self._cheap, self.strong, self._band, self._reasons = cheap, strong, band, reasons
        self.judged = self.escalated = 0

    async def judge_turn(self, conversation: Conversation, turn: int, rubric: Rubric, again: int = 0) -> Judgement:
        """Judge a turn by one of the two judges; the judgement's `model` says by which.

        Raises:
            UnavailableError: a model is gone.
        """
        first = await self._cheap.judge_turn(conversation, turn, rubric, again)
        self.judged += 1
        if first.score is not None and abs(first.score - rubric.threshold) >= self._band:
            return await self._explained(first, conversation, rubric)
        self.escalated += 1
        second = await self.strong.judge_turn(conversation, turn, rubric, again)
        if second.score is None and first.score is not None:
            return await self._explained(first, conversation, rubric)
        return second

    def requests(self, conversation: Conversation, turn: int, rubric: Rubric) -> list[Request]:
        """Return the cheap judge's calls: the turns that will be escalated are not known in advance."""
        return self._cheap.requests(conversation, turn, rubric)

    async def _explained(self, judgement: Judgement, conversation: Conversation, rubric: Rubric) -> Judgement:
        return judgement if self._reasons is None else await self._reasons.add(judgement, conversation, rubric)

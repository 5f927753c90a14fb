"""Two judges: a cheap one for every turn, and a strong one for those about which the cheap one is not sure."""

from convexplain.analysis.pipeline import TurnJudge
from convexplain.errors import UsageError
from convexplain.models.chat import Request
from convexplain.types import Conversation, Judgement, Rubric

from .spec import BAND


class Cascade:
    """Asks the strong judge where the cheap one's score lies near the threshold, or where it has none.

    Args:
        cheap: judges every turn.
        strong: judges again what the cheap one is not sure about; its judgement then counts.
        band: how far from the threshold a score must lie for the cheap judge to be believed, in [0, 1].

    Attributes:
        judged, escalated: how many turns were judged, and how many of them by the strong judge.

    Raises:
        UsageError: the band is not in [0, 1].
    """

    def __init__(self, cheap: TurnJudge, strong: TurnJudge, band: float = BAND) -> None:
        if not 0 <= band <= 1:
            raise UsageError(f"band={band} is not valid; it must be in [0, 1]")
        self._cheap, self._strong, self._band = cheap, strong, band
        self.judged = self.escalated = 0

    async def judge_turn(self, conversation: Conversation, turn: int, rubric: Rubric, again: int = 0) -> Judgement:
        """The judgement of one of the two; its `model` says of which.

        Raises:
            UnavailableError: a model is gone.
        """
        found = await self._cheap.judge_turn(conversation, turn, rubric, again)
        self.judged += 1
        if found.score is not None and abs(found.score - rubric.threshold) >= self._band:
            return found
        self.escalated += 1
        second = await self._strong.judge_turn(conversation, turn, rubric, again)
        return found if second.score is None and found.score is not None else second

    def requests(self, conversation: Conversation, turn: int, rubric: Rubric) -> list[Request]:
        """The cheap judge's calls: which turns are escalated is not known before."""
        return self._cheap.requests(conversation, turn, rubric)

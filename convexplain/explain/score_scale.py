"""The scale of a contrast search: g, the distance of a score from where it has to go, and the way back to scores."""

from dataclasses import dataclass

from convexplain.types import Goal, log_odds, probability


@dataclass(frozen=True, slots=True)
class ScoreScale:
    """The scale on which a search sees the judge's scores.

    Scores that come from label probabilities are seen as log-odds: probabilities saturate near 0 and 1, where the
    search would learn nothing. The same candidates cross on both scales. Where scores of one text vary, they are seen
    as they are: a contrast has to hold on average, and the mean of log-odds is no score.

    Attributes:
        goal: `cross` the threshold, or `improve` or `worsen` the score.
        threshold: the rubric's, in (0, 1).
        start: the score of the unchanged turn, the mean where it was measured several times; in [0, 1].
        in_log_odds: see above.
    """

    goal: Goal
    threshold: float
    start: float = 0.0
    in_log_odds: bool = False

    @property
    def base(self) -> float:
        """The score that a candidate has to go beyond."""
        return self.threshold if self.goal == "cross" else self.start

    @property
    def upward(self) -> bool:
        """True where the score is to rise."""
        return self.start < self.threshold if self.goal == "cross" else self.goal == "improve"

    def _scaled(self, score: float) -> float:
        return log_odds(score) if self.in_log_odds else score

    def g(self, score: float) -> float:
        """Return how far a score is beyond the base, on the search's scale."""
        return (self._scaled(score) - self._scaled(self.base)) * (1 if self.upward else -1)

    def score(self, g: float) -> float:
        """Return the judge's score of a g."""
        scaled = self._scaled(self.base) + (g if self.upward else -g)
        return probability(scaled) if self.in_log_odds else scaled

    def movement(self, g: float | None) -> float | None:
        """Return how far the score of a g is beyond the base, on the scale of the scores."""
        return None if g is None else (self.score(g) - self.base) * (1 if self.upward else -1)

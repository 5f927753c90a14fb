"""How long work says how far it is; displays implement it, and nothing else prints."""

from typing import Protocol

from convexplain.errors import Problem
from convexplain.models.chat import Spend
from convexplain.types import Judgement


class Progress(Protocol):
    """Is told what happens in a run."""

    def judged(self, judgement: Judgement) -> None:
        """One judgement is there, scored or not."""

    def skipped(self, count: int) -> None:
        """So many judgements were there already from before."""

    def spent(self, spend: Spend) -> None:
        """What the run has cost so far."""

    def problem(self, problem: Problem) -> None:
        """Something could not be read."""


class Silent:
    """Shows nothing."""

    def judged(self, judgement: Judgement) -> None:
        """Nothing."""

    def skipped(self, count: int) -> None:
        """Nothing."""

    def spent(self, spend: Spend) -> None:
        """Nothing."""

    def problem(self, problem: Problem) -> None:
        """Nothing."""

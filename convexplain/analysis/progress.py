"""How far long work is: displays override what they show, and nothing else prints."""

from convexplain.errors import Problem
from convexplain.models.chat import Spend
from convexplain.types import Judgement


class Progress:
    """Is told what happens; this one shows nothing."""

    def started(self, run: int) -> None:
        """A run of the store begins or goes on."""

    def begin(self, task: str, total: int | None = None) -> None:
        """A step begins, of so many items where that is known."""

    def end(self) -> None:
        """The step has ended."""

    def advance(self, count: int = 1) -> None:
        """So many items are done."""

    def doing(self, item: str) -> None:
        """Work on this item begins."""

    def judged(self, judgement: Judgement) -> None:
        """A judgement is there, scored or not."""

    def skipped(self, count: int) -> None:
        """So many items were there already from before."""

    def spent(self, *spends: Spend) -> None:
        """What each model has cost so far."""

    def problem(self, problem: Problem) -> None:
        """Something could not be read."""

    def note(self, text: str) -> None:
        """Something that a person should know."""

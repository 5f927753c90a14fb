"""Progress of long work: displays override what they show, and nothing else prints."""

from convexplain.errors import Problem
from convexplain.models.chat import Spend
from convexplain.types import Judgement


class Progress:
    """Receives what happens; this one shows nothing. While logs are read it is called from another thread."""

    def started(self, run: int) -> None:
        """Receive the number of the run that begins or goes on."""

    def discarded(self) -> None:
        """Receive that the run is deleted again, since no conversation was read."""

    def begin(self, task: str, total: int | None = None) -> None:
        """Begin a step, of so many items where that is known: bytes where logs are read ("reading")."""

    def end(self) -> None:
        """End the step."""

    def advance(self, count: int = 1) -> None:
        """Count items that are done."""

    def doing(self, item: str) -> None:
        """Receive what is worked on now."""

    def judged(self, judgement: Judgement) -> None:
        """Receive a judgement, scored or not."""

    def skipped(self, count: int) -> None:
        """Count items that were done before."""

    def spent(self, *spends: Spend) -> None:
        """Receive the cost of each model so far."""

    def problem(self, problem: Problem) -> None:
        """Receive what could not be read."""

    def note(self, text: str) -> None:
        """Receive a sentence that a person should read."""

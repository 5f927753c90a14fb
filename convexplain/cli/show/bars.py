"""Progress on a console: a bar in a terminal, a line every ten seconds elsewhere."""

import time
from abc import ABC, abstractmethod
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import Progress, ProgressColumn

_EVERY = 10.0  # seconds between plain lines


class Bar(ABC):
    """What all progress has in common; what it says is the subclass's.

    Args:
        console: where to (stderr).
        columns: of the bar in a terminal.
        total: how many there are; None = not known.
        transient: the bar goes when it is done.
        fields: of the bar's columns, to begin with.
    """

    def __init__(
        self,
        console: Console,
        *columns: ProgressColumn,
        total: int | None = None,
        transient: bool = False,
        **fields: Any,
    ) -> None:
        self.console = console
        self.began = self._last = time.monotonic()
        self.bar = Progress(*columns, console=console, transient=transient, disable=not console.is_terminal)
        self._task = self.bar.add_task("", total=total, **fields)

    def __enter__(self) -> Self:
        self.bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bar.stop()

    @property
    def seconds(self) -> float:
        """Since it began."""
        return max(time.monotonic() - self.began, 1e-9)

    @abstractmethod
    def line(self) -> str:
        """What is said where there is no terminal."""

    def say(self) -> None:
        """Prints the line, as plain text."""
        self.console.print(self.line(), markup=False, highlight=False, soft_wrap=True)

    def show(self, **told: Any) -> None:
        """Moves the bar; says the line where there is no terminal and none was said for ten seconds."""
        self.bar.update(self._task, **told)
        if not self.console.is_terminal and time.monotonic() - self._last > _EVERY:
            self._last = time.monotonic()
            self.say()

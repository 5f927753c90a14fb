"""Progress on a console: a bar in a terminal, a line every ten seconds elsewhere. Text from logs is text only."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as RichProgress
from rich.text import Text

from convexplain.analysis.progress import Progress
from convexplain.errors import Problem
from convexplain.models.chat import Spend
from convexplain.text.visible import one_line, visible
from convexplain.types import Judgement

_EVERY = 10.0  # seconds between plain lines
_LONGEST = 100  # characters of a text that are shown
_PROBLEMS = 200  # that are printed; the others are counted
_DONE = {"judging": "judged", "explaining": "explained", "measuring": "measured"}


def plain(text: str) -> Text:
    """Return text from outside: no markup, no control character reaches the terminal."""
    return Text(visible(text))


def cut(text: str, longest: int = _LONGEST) -> str:
    """Return the beginning of a text as one line, with control characters made visible."""
    line = one_line(text[: longest * 4])
    return line if len(line) <= longest else line[: longest - 1].rstrip() + "…"


class ConsoleProgress(Progress):
    """Shows how far work is.

    Args:
        console: where to (stderr).
    """

    def __init__(self, console: Console) -> None:
        self.console = console
        self.problems = 0
        self._bar: RichProgress | None = None
        self._task = ""
        self._total: int | None = None
        self._done = self._before = self._unscored = 0
        self._item = ""
        self._spends: Sequence[Spend] = ()
        self._began = self._last = time.monotonic()

    def begin(self, task: str, total: int | None = None) -> None:
        """Start a bar."""
        self._task, self._total = task, total
        self._done = self._before = self._unscored = 0
        self._item, self._spends = "", ()
        self._began = self._last = time.monotonic()
        count = TaskProgressColumn() if task == "reading" else MofNCompleteColumn()
        counts = [BarColumn(), count] if total is not None else []
        self._bar = RichProgress(
            TextColumn(task),
            *counts,
            TextColumn("{task.fields[line]}", markup=False),
            TimeElapsedColumn(),
            console=self.console,
            transient=True,
            disable=not self.console.is_terminal,
        )
        self._bar.add_task("", total=total, line="")
        self._bar.start()

    def end(self) -> None:
        """Stop the bar, and say how far it came."""
        if self._bar is None:
            return
        self._bar.stop()
        self._bar = None
        if self._task in _DONE and self._total != 0:
            self._say()
        if (more := self.problems - _PROBLEMS) > 0:
            self.console.print(f"! and {more:,} more problems")
            self.problems = _PROBLEMS

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Take the bar away while something is printed."""
        if self._bar is not None:
            self._bar.stop()
        yield
        if self._bar is not None:
            self._bar.start()

    def advance(self, count: int = 1) -> None:
        """Move the bar."""
        self._done += count
        if self._task != "reading":  # whose counts go on
            self._item = ""
        self._show()

    def doing(self, item: str) -> None:
        """Show the item."""
        self._item = one_line(item)
        self._show()

    def judged(self, judgement: Judgement) -> None:
        """Move the bar by one."""
        self._unscored += judgement.score is None
        self.advance()

    def skipped(self, count: int) -> None:
        """Move the bar by what was there before."""
        self._before += count
        self.advance(count)

    def spent(self, *spends: Spend) -> None:
        """Show what it has cost."""
        self._spends = spends
        self._show()

    def problem(self, problem: Problem) -> None:
        """Print it at once, above the bar, unless very many were printed already."""
        self.problems += 1
        if self.problems <= _PROBLEMS:
            self.console.print(Text("! ", style="yellow"), plain(one_line(str(problem))), sep="", soft_wrap=True)

    def note(self, text: str) -> None:
        """Print it at once, above the bar."""
        self.console.print(plain(text), soft_wrap=True)

    def line(self) -> str:
        """Return how far it is, what it has cost and how long it still takes."""
        return _joined(self._count(), self._details(), self._left())

    def _count(self) -> str:
        if self._total is None:
            return ""
        if self._task == "reading":  # bytes
            return f"reading {self._done / max(self._total, 1):.0%}"
        return f"{self._done}/{self._total} {_DONE.get(self._task, self._task)}"

    def _details(self) -> str:
        now = self._total is not None and self._task != "reading"
        parts = [f"now {self._item}" if now else self._item] if self._item else []
        if self._task == "judging":
            parts.append(f"{(self._done - self._before) / self._seconds:.1f}/s")
        if self._spends:
            parts.append(f"{sum(spend.calls for spend in self._spends):,} calls")
            for name, what in (("cached", "from cache"), ("retries", "retries"), ("failures", "failed")):
                count = sum(getattr(spend, name) for spend in self._spends)
                parts += [f"{count:,} {what}"] if count else []
        parts += [f"{self._unscored} unscored"] if self._unscored else []
        return ", ".join(parts)

    def _left(self) -> str:
        finished = self._done - self._before
        if self._total is None or not finished or self._done >= self._total:
            return ""
        return f"about {(self._total - self._done) * self._seconds / finished:.0f} s left"

    @property
    def _seconds(self) -> float:
        return max(time.monotonic() - self._began, 1e-9)

    def _show(self) -> None:
        if self._bar is None:
            return
        self._bar.update(self._bar.task_ids[0], completed=self._done, line=_joined(self._details(), self._left()))
        if not self.console.is_terminal and time.monotonic() - self._last > _EVERY:
            self._last = time.monotonic()
            self._say()

    def _say(self) -> None:
        self.console.print(self.line(), markup=False, highlight=False, soft_wrap=True)


def _joined(*parts: str) -> str:
    return ", ".join(part for part in parts if part)

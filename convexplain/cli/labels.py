"""How commands are told of people's labels: the options, and how labels are read and found. For several commands."""

import functools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import click
from rich.console import Console
from rich.text import Text

from convexplain.agreement.labelled import Labels, Matched, Own, matched
from convexplain.analysis.runs import Reader, Source
from convexplain.cli.show.runs import plain
from convexplain.connectors.label_rows import PARTS
from convexplain.connectors.labels import LabelOptions, read_labels
from convexplain.errors import Problem, UsageError
from convexplain.rubrics import load_rubric, rubric_ids
from convexplain.store import RunStore, ratings
from convexplain.types import Conversation, Rubric

_SHOWN = 50  # problems that are printed; the others are counted

_OPTIONS = (
    click.option(
        "--labels",
        type=click.Path(path_type=Path, exists=True, dir_okay=False),
        metavar="FILE",
        help="What people said: CSV, TSV or JSON with conversation, turn, [rubric], score or label, [rater]; or pairs "
        "with chosen and rejected.",
    ),
    click.option(
        "--higher-is",
        type=click.Choice(["good", "bad"]),
        default="good",
        show_default=True,
        help="Whether a higher number in FILE is better (for harm: more harmless).",
    ),
    click.option(
        "--scale", nargs=2, type=float, metavar="LOW HIGH", help="What the numbers in FILE lie between.  [default: 0 1]"
    ),
    click.option(
        "--turns-from",
        type=click.Choice(["0", "1"]),
        default="0",
        show_default=True,
        help="What FILE calls a conversation's first turn; negative turns count from the end.",
    ),
    click.option(
        "--label-columns", metavar="MAP", help="Columns of FILE, e.g. conversation=chat,turn=no,score=stars,rater=who."
    ),
    click.option(
        "--called",
        multiple=True,
        metavar="NAME=ID",
        help="What FILE or the logs call NAME answers the rubric ID; may be repeated.",
    ),
)


@dataclass(frozen=True, slots=True)
class Labelling:
    """What a command was told of labels.

    Attributes:
        path: the labels file; None = only those in the logs and in the store.
        options: how it is read.
    """

    path: Path | None
    options: LabelOptions

    def read(self, rubrics: Sequence[Rubric], on_problem: Callable[[Problem], None]) -> Labels:
        """What the file holds on these rubrics; nothing where there is no file."""
        return Labels() if self.path is None else read_labels(self.path, rubrics, self.options, on_problem)

    def found(
        self,
        conversations: Iterable[Conversation],
        store: RunStore,
        rubrics: Sequence[Rubric],
        on_problem: Callable[[Problem], None],
    ) -> Matched:
        """The labels of the file, of the conversations themselves and of the store, with their turns.

        Args:
            conversations: among which to look.
            store: whose ratings count besides.
            rubrics: what is asked for.
            on_problem: is told of what cannot be read or found.
        """
        called = {name: rubric for name, rubric in self.options.called.items() if rubric in {one.id for one in rubrics}}
        kept = ((talk, rating) for talk, rating in ratings(store) if rating.rubric in {one.id for one in rubrics})
        own = Own(rubrics, called)
        return matched(self.read(rubrics, on_problem), conversations, on_problem, own=own, stored=kept)


def label_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options for labels; the command gets them as one argument, `labelling`."""

    @functools.wraps(command)
    def collected(
        *args: Any,
        labels: Path | None,
        higher_is: Literal["good", "bad"],
        scale: tuple[float, float] | None,
        turns_from: str,
        label_columns: str | None,
        called: tuple[str, ...],
        **rest: Any,
    ) -> Any:
        options = LabelOptions(
            scale=scale,
            higher_is=higher_is,
            turns_from=1 if turns_from == "1" else 0,
            columns=_pairs("--label-columns", (label_columns or "").split(",") if label_columns else (), PARTS),
            called=_pairs("--called", called, None),
        )
        return command(*args, labelling=Labelling(labels, options), **rest)

    for option in reversed(_OPTIONS):
        collected = option(collected)
    return collected


def labelled_rubrics(ids: Iterable[str]) -> list[Rubric]:
    """The rubrics that were named, or all that come with convexplain where none was.

    Raises:
        UsageError: one is named twice.
        RubricError: there is no such rubric.
    """
    found = [load_rubric(item) for item in (tuple(ids) or rubric_ids())]
    names = [rubric.id for rubric in found]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise UsageError(f"--rubric {', '.join(twice)} is named twice")
    return found


def sources(
    reader: Reader, logs: tuple[Path, ...], runs: Sequence[int], limit: int | None = None
) -> tuple[Source, ...]:
    """Where conversations come from: the logs, else what the runs are of, else all that is stored."""
    if logs:
        return (Source(reader, logs, limit=limit),)
    return tuple(Source(reader, stored=run, limit=limit) for run in runs or (0,))


class Problems:
    """Shows problems with labels and logs as they come, on the console handed in (stderr), and remembers them."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self.all: list[Problem] = []

    def __call__(self, problem: Problem) -> None:
        """One problem."""
        self.all.append(problem)
        if len(self.all) <= _SHOWN:
            self._console.print(Text("! ", style="yellow"), plain(str(problem)), sep="", soft_wrap=True)

    @property
    def left_out(self) -> int:
        """How many cost something."""
        return sum(not problem.kept for problem in self.all)

    def rest(self) -> None:
        """Says how many were not shown."""
        if len(self.all) > _SHOWN:
            self._console.print(Text(f"! and {len(self.all) - _SHOWN:,} more", style="yellow"))


def _pairs(option: str, given: Iterable[str], valid: Sequence[str] | None) -> dict[str, str]:
    found = {}
    for item in given:
        name, equals, value = item.partition("=")
        name, value = name.strip(), value.strip()
        if not (equals and name and value) or (valid is not None and name not in valid):
            parts = f"; valid parts are: {', '.join(valid)}" if valid else ""
            raise UsageError(f"{option} {item!r} is not valid; write NAME=VALUE{parts}")
        found[name] = value
    return found

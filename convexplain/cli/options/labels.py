"""The options of several commands for people's labels."""

import functools
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Literal

import click

from convexplain.errors import UsageError
from convexplain.workspace import LabelSettings

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


def label_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options for labels; the command receives them as two arguments, `labels` and `label_settings`."""

    @functools.wraps(command)
    def collected(
        *args: Any,
        higher_is: Literal["good", "bad"],
        scale: tuple[float, float] | None,
        turns_from: str,
        label_columns: str | None,
        called: tuple[str, ...],
        **arguments: Any,
    ) -> Any:
        settings = LabelSettings(
            scale=scale,
            higher_is=higher_is,
            turns_from=1 if turns_from == "1" else 0,
            columns=_pairs("--label-columns", label_columns.split(",") if label_columns else ()),
            called=_pairs("--called", called),
        )
        return command(*args, label_settings=settings, **arguments)

    for option in reversed(_OPTIONS):
        collected = option(collected)
    return collected


def _pairs(option: str, items: Iterable[str]) -> dict[str, str]:
    pairs = {}
    for item in items:
        name, _, value = (part.strip() for part in item.partition("="))
        if not (name and value):
            raise UsageError(f"{option} {item!r} is not valid; write NAME=VALUE")
        pairs[name] = value
    return pairs

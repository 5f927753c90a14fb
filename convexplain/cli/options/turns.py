"""The options of commands that explain turns of a run: which run, which turns, which maxims."""

import functools
from collections.abc import Callable
from typing import Any

import click

from convexplain.errors import UsageError
from convexplain.explain.explanations import TurnChoice

from .numbers import MOST_NUMBER, Count, Share

rubrics_option = click.option(
    "--rubric", "rubrics", multiple=True, metavar="ID", help="Only that maxim of the run; may be repeated."
)
turn_option = click.option(
    "--turn", metavar="CONV:N", help="One turn: the conversation's id and the turn's index, counted from 0."
)
_CHOICE = (
    turn_option,
    click.option("--below", type=Share(), metavar="SCORE", help="All turns that score below SCORE."),
    click.option(
        "--worst",
        type=Count(min=1),
        metavar="N",
        help="The N turns with the lowest scores on each maxim.  [default: 3]",
    ),
)


def turn_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that choose turns; the command receives them as one argument, `turns`."""

    @functools.wraps(command)
    def collected(*args: Any, turn: str | None, below: float | None, worst: int | None, **arguments: Any) -> Any:
        return command(*args, turns=TurnChoice(below, turn_place(turn), worst), **arguments)

    for option in reversed(_CHOICE):
        collected = option(collected)
    return collected


def turn_place(turn: str | None) -> tuple[str, int] | None:
    """Return the conversation's id and the index of a turn that is named as `CONVERSATION:N`; None for None.

    Raises:
        UsageError: it is not named like that.
    """
    if turn is None:
        return None
    conversation, _, index = turn.rpartition(":")
    digits = index.isascii() and index.isdecimal() and len(index) <= len(str(MOST_NUMBER))
    if not (conversation and digits):
        raise UsageError(f"--turn {turn!r} is not valid; write CONVERSATION:N, N counted from 0")
    return conversation, int(index)


def given_options(ctx: click.Context) -> set[str]:
    """Return the names of the parameters that were given on the command line."""
    return {name for name in ctx.params if ctx.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE}


def refuse(ctx: click.Context, reasons: dict[str, str]) -> None:
    """Raise UsageError for an option that means nothing beside the others.

    Args:
        ctx: the command's context.
        reasons: parameters that may not be given, each with the reason.
    """
    names = given_options(ctx) & reasons.keys()
    for parameter in ctx.command.params:
        if parameter.name in names:
            option = isinstance(parameter, click.Option)
            name = parameter.opts[0] if option else parameter.make_metavar(ctx).strip("[]")
            raise UsageError(f"{name} means nothing {reasons[parameter.name]}; leave it out")

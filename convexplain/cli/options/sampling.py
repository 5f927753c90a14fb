"""The options by which a part of the turns is drawn."""

import functools
from collections.abc import Callable
from typing import Any, TypedDict

import click

from convexplain.analysis.sampling import STRATA

from .numbers import Count


class SampleArguments(TypedDict):
    """The arguments of `Workspace.analyze` that draw a sample."""

    sample: int | None
    strata: str
    seed: int


_OPTIONS = (
    click.option(
        "--sample",
        type=Count(min=2),
        metavar="N",
        help="Judge N random assistant turns, each after its whole conversation before it; on maxims of conversations, "
        "N conversations. Means and shares are estimates for all turns, with 95 % intervals. Logs are read twice.",
    ),
    click.option(
        "--strata",
        default=",".join(STRATA),
        show_default=True,
        metavar="FIELDS",
        help="With --sample: draw in proportion within these groups: source, bot, both, or none.",
    ),
    click.option(
        "--seed",
        type=Count(min=0),
        default=0,
        show_default=True,
        metavar="N",
        help="With --sample: the same seed draws the same turns; a larger sample contains the smaller one.",
    ),
)


def sample_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of a sample; the command receives them as one argument, `sampling`."""

    @functools.wraps(command)
    def collected(*args: Any, sample: int | None, strata: str, seed: int, **arguments: Any) -> Any:
        return command(*args, sampling=SampleArguments(sample=sample, strata=strata, seed=seed), **arguments)

    for option in reversed(_OPTIONS):
        collected = option(collected)
    return collected

"""`convexplain runs compare`: what changed from one run to another."""

import click
from rich.console import Console

from ..options.store import RUN, db_option, named_store, open_workspace
from ..show.comparisons import show_comparison


@click.command("compare")
@click.pass_context
@click.argument("first", type=RUN, metavar="RUN")
@click.argument("second", type=RUN, metavar="RUN")
@db_option
def command(ctx: click.Context, first: int | str, second: int | str, db: str | None) -> None:
    """Compare two runs: which maxims and turns got better or worse.

    One sentence for each maxim comes first. Then, on the turns that both runs have judged: the difference of the means,
    with its 95 % interval over conversations, and the turns that fell and rose most, of those that moved by more than
    the judges' noise. Turns are matched by their conversations, or, where the runs have none in common (another version
    of a bot answered), by the conversations' ids. Where that matches nothing either, as with the logs of two weeks,
    only the averages of the runs are compared.

    \b
        convexplain runs compare 1 2
        convexplain runs compare 'last week' 'this week'
    """
    show_comparison(Console(), open_workspace(db).compare(first, second), named_store(ctx))

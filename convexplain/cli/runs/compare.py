"""`convexplain runs compare`: what changed from one run to another."""

import json

import click
from rich.console import Console

from ..options.store import RUN, db_option, named_store, open_workspace
from ..show.comparisons import failing_maxims, show_comparison, show_gates

_TURNS = 3  # turns that fell most, and that rose most, of each maxim


@click.command("compare")
@click.pass_context
@click.argument("first", type=RUN, metavar="RUN")
@click.argument("second", type=RUN, metavar="RUN")
@click.option(
    "--fail-if-worse",
    "gates",
    multiple=True,
    metavar="ID",
    help="Exit with 3 where the second run is worse on that maxim; may be repeated. What may be chance passes.",
)
@click.option("--json", "as_json", is_flag=True, help="As JSON: one object with the verdicts and the turns that moved.")
@db_option
def command(
    ctx: click.Context, first: int | str, second: int | str, gates: tuple[str, ...], as_json: bool, db: str | None
) -> int:
    """Compare two runs: which maxims and turns got better or worse.

    The verdict comes first: better, worse, or that nobody can tell. It rests on the difference of the means, with its
    95 % interval over conversations, and counts only what is not chance over all maxims together (Holm). Then come the
    turns that fell and rose most, of those that moved by more than the judges' noise. Turns are matched by their
    conversations; where another version of a bot answered, by the conversations' ids, or by the user's messages. Where
    nothing matches, as with the logs of two weeks, only the averages of the runs are compared.

    \b
        convexplain runs compare 1 2
        convexplain runs compare 'last week' 'this week'
        convexplain runs compare main candidate --fail-if-worse helpfulness --fail-if-worse harm

    \b
    Exit codes:
        0    the runs were compared
        2    an option or argument is not valid
        3    the second run is worse on a maxim of --fail-if-worse
    """
    workspace = open_workspace(db)
    compared = workspace.compare(first, second, _TURNS)
    themes = workspace.compare_themes(first, second)
    verdicts = {rubric: compared.verdict(rubric) for rubric in gates}
    failing = failing_maxims(verdicts)
    if as_json:
        changes = None if themes.changes is None else [change.to_dict() for change in themes.changes]
        click.echo(json.dumps({**compared.to_dict(), "themes": changes, "failed": failing}, indent=2))
    else:
        show_comparison(Console(), compared, themes, named_store(ctx))
    show_gates(Console(stderr=True), compared, verdicts)
    return 3 if failing else 0

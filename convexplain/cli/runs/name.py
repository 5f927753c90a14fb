"""`convexplain runs name`: a name for a run."""

import click

from convexplain.text.visible import one_line

from ..options.store import RUN, db_option, open_workspace


@click.command("name")
@click.argument("run", type=RUN)
@click.argument("name")
@db_option
def command(run: int | str, name: str, db: str | None) -> None:
    """Give a run a name, to be used instead of its number.

    An empty NAME takes the name away.

    \b
        convexplain runs name 3 'before the new prompt'
        convexplain runs compare 'before the new prompt' 4
    """
    named = open_workspace(db).name_run(run, name or None).run
    click.echo(f"Run {named.id} is called {one_line(named.name)!r}." if named.name else f"Run {named.id} has no name.")

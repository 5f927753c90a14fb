"""`convexplain runs redact`: a stored run without personal data."""

import json
from pathlib import Path

import click

from convexplain.errors import UsageError

from ..options.store import STORED_RUN, db_option, open_workspace
from .delete import has_terminal


@click.command("redact")
@click.argument("run", type=STORED_RUN)
@click.option(
    "--redact-names",
    "names",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="Also the names in FILE, one a line.",
)
@click.option("--redact-presidio", "presidio", is_flag=True, help="Also what Presidio finds (people, places, …).")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--json", "as_json", is_flag=True, help="Write the counts as JSON.")
@db_option
def command(run: int | str, names: Path | None, presidio: bool, yes: bool, as_json: bool, db: str | None) -> int:
    """Replace personal data in a run, as --redact does while logs are read.

    RUN 0 stands for all conversations of the store. What any run has stored about them is changed too: reasons,
    contrasts, attributions, notes, themes, remarks about logs. Scores stay. Replies of models that hold personal data
    are deleted from the cache. It cannot be undone.

    \b
        convexplain runs redact 3 --redact-names customers.txt
        convexplain runs redact 0 --yes
    """
    workspace = open_workspace(db)
    target = "all conversations of the store" if run in (0, "0") else f"run {workspace.run(run).run.id}"
    if not yes:
        if not has_terminal():
            raise UsageError(
                f"{target}: nothing is redacted: there is no terminal to ask; --yes redacts without asking"
            )
        if not click.confirm(f"Replace personal data in {target} for good?"):
            click.echo("Nothing was changed.")
            return 0
    redaction = workspace.redact_run(run, names=names, presidio=presidio)
    if as_json:
        click.echo(json.dumps(redaction.to_dict(), ensure_ascii=False))
    else:
        click.echo(redaction.sentences)
    return 0

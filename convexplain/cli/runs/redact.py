"""`convexplain runs redact`: a stored run without personal data."""

import json
from pathlib import Path

import click

from convexplain.errors import UsageError
from convexplain.explain.wording import counted
from convexplain.workspace.stored_redaction import StoredRedaction

from ..options.store import STORED_RUN, db_option, open_workspace
from .delete import has_terminal

_KEPT = (
    "Logs, reports and exports that were written, jobs of the dashboard with their uploads and remarks, and copies of "
    "the store, stay as they are."
)


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
        click.echo(_sentences(redaction))
    return 0


def _sentences(redaction: StoredRedaction) -> str:
    counts = redaction.counts
    if not any((counts.changed, counts.replies, counts.themes, counts.problems)):
        return f"No personal data was found in {counted(counts.conversations, 'conversation')}. {_KEPT}"
    records = [
        (counts.judgements, "judgement"),
        (counts.explanations, "explanation"),
        (counts.notes, "note"),
        (counts.themes, "theme"),
        (counts.problems, "remark"),
    ]
    changed = [f"{counts.changed:,} of {counted(counts.conversations, 'conversation')}"]
    changed += [counted(number, what) for number, what in records if number]
    kinds = ", ".join(f"{kind} {count:,}" for kind, count in redaction.replaced.items()) or "nothing"
    runs = f" Runs with them: {', '.join(map(str, counts.runs))}." if counts.runs else ""
    replies = f" Left the cache: {counted(counts.replies, 'answer')} of models." if counts.replies else ""
    return f"Changed: {', '.join(changed)}. Replaced: {kinds}.{replies}{runs} {_KEPT}"

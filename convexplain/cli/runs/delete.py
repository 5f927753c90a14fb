"""`convexplain runs delete`: a run and all that belongs to it alone."""

import sys

import click

from convexplain.errors import UsageError
from convexplain.explain.wording import counted
from convexplain.store import DeletedRun
from convexplain.text.visible import one_line
from convexplain.workspace.run_files import OUT, run_folder

from ..options.store import RUN, db_option, open_workspace


@click.command("delete")
@click.argument("run", type=RUN)
@click.option("--yes", is_flag=True, help="Do not ask.")
@db_option
def command(run: int | str, yes: bool, db: str | None) -> int:
    """Delete a run with its judgements and explanations.

    Labels of people stay, and so do conversations that another run has, that people have labelled, or that were
    imported. Replies of models stay in the cache, and files that were written stay where they are.
    """
    workspace = open_workspace(db)
    chosen, planned = workspace.run(run).run, workspace.plan_deletion(run)
    name = f" ({one_line(chosen.name)})" if chosen.name else ""
    if not yes:
        if not has_terminal():
            raise UsageError(
                f"run {chosen.id} is not deleted: there is no terminal to ask; --yes deletes without asking"
            )
        click.echo(f"Run {chosen.id}{name} has {_contents(planned)}. {_remaining(planned, 'are')}")
        if not click.confirm("Delete it?"):
            click.echo("Nothing was deleted.")
            return 0
    deleted = workspace.delete_run(chosen.id)
    click.echo(f"Run {chosen.id}{name} was deleted, with {_contents(deleted)}. {_remaining(deleted, 'were')}")
    return 0


def has_terminal() -> bool:
    """Return whether there is a person to ask."""
    return sys.stdin.isatty()


def _contents(run: DeletedRun) -> str:
    counts = [
        (run.judgements, "judgement"),
        (run.attributions, "attribution"),
        (run.contrasts, "contrast"),
        (run.reviews, "review"),
        (run.themes, "theme"),
        (run.conversations, "conversation"),
    ]
    named = [counted(number, what) for number, what in counts if number]
    used = " that nothing else uses" if run.conversations else ""
    return (", ".join(named) or "nothing in it") + used


def _remaining(run: DeletedRun, verb: str) -> str:
    counts = [(run.conversations_kept, "The conversations themselves"), (run.labels_kept, "Labels of people")]
    sentences = [f"{what} {verb} kept: {number:,}." for number, what in counts if number]
    files = f"The files of the run stay ({run_folder(OUT, run.run)}, where --out named no other folder)."
    return " ".join([*sentences, files])

"""The options of commands that use the store, write files, or take a run of the store."""

from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource
from rich.console import Console

from convexplain.workspace import Workspace

from ..show.progress import ConsoleProgress
from .numbers import MOST_NUMBER


class RunParameter(click.ParamType[int | str]):
    """A run, by its number or its name."""

    name = "RUN"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | str:
        """Return the number, or the name."""
        text = str(value)
        if not (text.isascii() and text.isdecimal()):
            return text
        if not 1 <= int(text[:20]) <= MOST_NUMBER:
            self.fail(f"{text} is not the number of a run; `convexplain runs list` lists them", param, ctx)
        return int(text)


class StoredRunParameter(RunParameter):
    """A run, or `0` for all conversations of the store."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | str:
        """Return the number, or the name."""
        return 0 if str(value) == "0" else super().convert(value, param, ctx)


RUN = RunParameter()
STORED_RUN = StoredRunParameter()
run_argument = click.argument("run", type=RUN, required=False)

db_option = click.option(
    "--db",
    metavar="URL",
    envvar="CONVEXPLAIN_DB",
    help="SQLAlchemy URL or SQLite file of the run store.  [default: convexplain.db in your data folder]",
)
out_option = click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("convexplain-out"),
    show_default=True,
    metavar="DIR",
    help="Folder for the files that it writes.",
)
seed_option = click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    metavar="N",
    help="The same seed gives the same result.",
)


def progress_shown() -> ConsoleProgress:
    """Return the display of progress, on the standard error output."""
    return ConsoleProgress(Console(stderr=True))


def open_workspace(db: str | None) -> Workspace:
    """Return the workspace of that store, or of the one in the user's data folder.

    The store is opened at first use, when logs are listed and arguments are valid: it may lie in the logs' folder.
    """
    return Workspace(db)


def named_store(ctx: click.Context) -> str | None:
    """Return the store where the command line names it: the next command has to name it too."""
    return ctx.params["db"] if ctx.get_parameter_source("db") is ParameterSource.COMMANDLINE else None

"""What several commands share: where the store lies, and how models are named."""

from pathlib import Path

import click
import platformdirs

from convexplain.connectors.infillers import INFILLERS
from convexplain.connectors.models import NAMES
from convexplain.store import RunStore

JUDGE_HELP = f"The judge, one of: {NAMES}."

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
infiller_option = click.option(
    "--infiller",
    default="embedded",
    show_default=True,
    metavar="NAME",
    help=f"What rewrites words, one of: {INFILLERS}.",
)
budget_option = click.option(
    "--budget",
    type=click.IntRange(min=1),
    default=50,
    show_default=True,
    metavar="N",
    help="Edited texts that are tried at most in one search.",
)
search_option = click.option(
    "--search",
    type=click.Choice(["guided", "few", "cell_budget", "cell"]),
    default="guided",
    show_default=True,
    help="How it is searched.",
)
seed_option = click.option(
    "--seed", type=int, default=0, show_default=True, metavar="N", help="The same seed gives the same result."
)


def open_store(db: str | None) -> RunStore:
    """The store of that URL, or the one in the user's data folder."""
    return RunStore(db or str(Path(platformdirs.user_data_dir("convexplain")) / "convexplain.db"))

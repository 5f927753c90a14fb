"""Options that several commands share: the store, the judge, how logs are read, what is searched."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from convexplain.workspace import BAND, INFILLER_NAMES, MODEL_NAMES, JudgeOptions, LogSettings, Workspace

from .show.progress import ConsoleProgress

JUDGE_HELP = f"The judge, one of: {MODEL_NAMES}."
MOST_NUMBER = 10**9 - 1
"""No store has as many runs, and no conversation as many turns."""

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
    help=f"What rewrites words, one of: {INFILLER_NAMES}.",
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
samples_option = click.option(
    "--samples",
    type=click.IntRange(min=1),
    metavar="N",
    help="Average N sampled replies of the judge instead of reading label probabilities.",
)

_JUDGING = (
    samples_option,
    click.option(
        "--explain",
        "reasons",
        is_flag=True,
        default=None,
        help="Ask the judge for its reason in words too (one more call a judgement).",
    ),
    click.option(
        "--calibrated",
        is_flag=True,
        default=None,
        help="Map scores to what people say, as `convexplain calibrate` has found; raw scores are kept beside them.",
    ),
    click.option(
        "--escalate",
        metavar="MODEL",
        help=f"A second, stronger judge for the turns whose score lies near the threshold. {JUDGE_HELP}",
    ),
    click.option(
        "--escalate-band",
        "band",
        type=click.FloatRange(0, 1),
        metavar="D",
        help=f"With --escalate: how near.  [default: {BAND}]",
    ),
)
_READING = (
    click.option(
        "--format",
        "format_",
        metavar="NAME",
        help="The logs' format, where it is not recognised; `convexplain formats` lists them.",
    ),
    click.option(
        "--columns",
        metavar="MAP",
        help="Columns of a table, e.g. conversation=chat_id,role=who,content=msg[,order=ts].",
    ),
    click.option("--assistant", multiple=True, metavar="NAME", help="A speaker who is the assistant; may be repeated."),
    click.option(
        "--redact",
        is_flag=True,
        help="Replace e-mail addresses, phone numbers, cards, IBANs and IP addresses before anything else sees them.",
    ),
    click.option(
        "--redact-names",
        type=click.Path(path_type=Path, exists=True, dir_okay=False),
        metavar="FILE",
        help="With the same: the names in FILE too, one a line.",
    ),
    click.option(
        "--redact-presidio", is_flag=True, help="With the same: also what Presidio finds (people, places, …)."
    ),
)


def judging_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of how a judge judges; the command receives them as one argument, `judging`."""

    @functools.wraps(command)
    def collected(
        *args: Any,
        samples: int | None,
        reasons: bool | None,
        calibrated: bool | None,
        escalate: str | None,
        band: float | None,
        **others: Any,
    ) -> Any:
        judging: JudgeOptions = {
            "samples": samples,
            "reasons": reasons,
            "calibrated": calibrated,
            "escalate": escalate,
            "band": band,
        }
        return command(*args, judging=judging, **others)

    for option in reversed(_JUDGING):
        collected = option(collected)
    return collected


def reading_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of how logs are read; the command receives them as one argument, `reading`."""

    @functools.wraps(command)
    def collected(
        *args: Any,
        format_: str | None,
        columns: str | None,
        assistant: tuple[str, ...],
        redact: bool,
        redact_names: Path | None,
        redact_presidio: bool,
        **others: Any,
    ) -> Any:
        reading = LogSettings(format_, columns, assistant, redact, redact_names, redact_presidio)
        return command(*args, reading=reading, **others)

    for option in reversed(_READING):
        collected = option(collected)
    return collected


def progress_shown() -> ConsoleProgress:
    """Return the display of progress, on the standard error output."""
    return ConsoleProgress(Console(stderr=True))


def open_workspace(db: str | None) -> Workspace:
    """Return the workspace of that store, or of the one in the user's data folder.

    The store is opened at first use, when logs are listed and arguments are valid: it may lie in the logs' folder.
    """
    return Workspace(db)

"""`convexplain judges validate`: how far do judges agree with people?"""

from pathlib import Path
from typing import Any

import click
from rich.console import Console

from convexplain.workspace import JudgeOptions, LabelSettings, LogSettings, Validation
from convexplain.workspace.run_files import check_writable

from ..options.judging import JUDGE_HELP, dry_run_option, judge_or_default, judging_options
from ..options.labels import label_options
from ..options.logs import LogPath, reading_options
from ..options.numbers import Count
from ..options.store import RUN, db_option, open_workspace, out_option, progress_shown, seed_option
from ..options.turns import refuse
from ..show.agreement import show_agreement, show_validation_plan
from ..show.progress import plain


@click.command("validate")
@click.pass_context
@click.argument("logs", nargs=-1, type=LogPath(), metavar="[LOG...]")
@label_options
@click.option("--run", "runs", type=RUN, multiple=True, metavar="RUN", help="Take the judgements of that run.")
@click.option("--judge", "judges", multiple=True, metavar="MODEL", help=f"{JUDGE_HELP} May be repeated.")
@click.option(
    "--rubric",
    "rubrics",
    multiple=True,
    metavar="ID|FILE",
    help="Only that maxim; may be repeated.  [default: the RUNs', else all that have labels]",
)
@click.option(
    "--dialogue",
    metavar="KEY",
    help="What in a conversation's metadata says which dialogue it belongs to; intervals draw dialogues."
    "  [default: 'dialogue' where there is one, else each conversation is one]",
)
@click.option("--worst", type=Count(min=0), default=5, show_default=True, help="Disagreements to print.")
@click.option("--keep", is_flag=True, help="Keep the labels in the store: later commands know them without FILE.")
@judging_options()
@reading_options
@seed_option
@out_option
@db_option
@dry_run_option
def command(
    ctx: click.Context,
    logs: tuple[Path, ...],
    labels: Path | None,
    label_settings: LabelSettings,
    runs: tuple[int | str, ...],
    judges: tuple[str, ...],
    rubrics: tuple[str, ...],
    dialogue: str | None,
    worst: int,
    keep: bool,
    judging: JudgeOptions,
    reading: LogSettings,
    seed: int,
    out: Path,
    db: str | None,
    dry_run: bool,
) -> int:
    """Compare judges with people: how far do their scores agree?

    The turns that people have labelled, of the LOGs or of the store, are judged. Labels come from --labels, from the
    LOGs where these bring some, and from the store. Each --judge judges the labelled turns alone, into the store: a
    validation that was stopped goes on, and is not listed as a run; --run takes what a run has judged. A sentence for
    each judge says whether it may be used for flagging turns, for sorting them, or for neither. Beside the judges stand
    length, turn number and the best constant: a judge that does no better has learnt nothing else. All intervals are
    95 %, over dialogues. Scores mean "satisfied": for harm, 1 is harmless, in labels too (else --higher-is bad).

    \b
        convexplain judges validate chats.jsonl --labels labels.csv --rubric helpfulness --judge embedded
        convexplain judges validate --labels labels.csv --run 3 --run 4
        convexplain judges validate dbdc.zip --judge embedded --judge 'http://localhost:8000/v1?model=NAME'
        convexplain judges validate hh.jsonl --rubric harm --judge embedded
    """
    if runs and not judges:
        refuse(ctx, dict.fromkeys(judging, "with --run and without --judge: a run is judged already"))
    arguments: dict[str, Any] = {
        "logs": list(logs) or None,
        "labels": labels,
        "rubrics": rubrics or None,
        "judge": judges or (None if runs else judge_or_default(None)),
        "runs": runs,
        "dialogue": dialogue,
        "settings": reading,
        "label_settings": label_settings,
        "progress": progress_shown(),
        **judging,
    }
    workspace = open_workspace(db)
    if dry_run:
        return show_validation_plan(Console(), workspace.plan_validation(**arguments))
    check_writable(out)
    return _show(workspace.validate(**arguments, keep=keep, seed=seed), out, worst)


def _show(validation: Validation, out: Path, worst: int) -> int:
    console, written = Console(), validation.write(out)
    for agreement in validation.agreements:
        show_agreement(console, agreement, worst)
    for sample in validation.samples:
        console.print(plain(sample.sentence), soft_wrap=True)
    console.print(plain("\n" + "   ".join(f"{name}: {path}" for name, path in written.items())), soft_wrap=True)
    if validation.left_out:
        console.print(f"{validation.left_out:,} labels, records or files could not be used (see above).")
    return 1 if validation.left_out or validation.unscored else 0

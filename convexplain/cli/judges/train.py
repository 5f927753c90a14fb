"""`convexplain judges train`: a head of a team's own, from turns that people have labelled."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from convexplain.errors import UsageError
from convexplain.text.visible import one_line
from convexplain.workspace import JudgeSpec, LabelSettings, LogSettings, TrainedHead
from convexplain.workspace.run_files import check_writable

from ..options.judging import dry_run_option
from ..options.labels import label_options
from ..options.logs import LogPath, reading_options
from ..options.store import db_option, open_workspace, progress_shown
from ..show.progress import plain

_ROWS = (
    ("spearman", "Spearman"),
    ("auc", "AUC"),
    ("spearman_given_length_and_turn", "Spearman, length and turn number aside"),
    ("spearman_of_length", "Spearman of the length alone"),
    ("spearman_of_turn_number", "Spearman of the turn number alone"),
    ("right_pairs", "pairs right"),
    ("longer_is_preferred", "pairs right, by the length alone"),
)


@click.command("train")
@click.argument("logs", nargs=-1, type=LogPath(), metavar="[LOG...]")
@label_options
@click.option("--rubric", required=True, metavar="ID|FILE", help="The maxim that the labels answer.")
@click.option(
    "--model",
    default="embedded",
    show_default=True,
    metavar="MODEL",
    help="Whose hidden states it reads: embedded, or local:REPO_OR_FOLDER.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Where the head goes.  [default: ID.head.json]",
)
@click.option("--licence", metavar="TEXT", help="The labels' licence, for the head's card.")
@click.option(
    "--dialogue",
    metavar="KEY",
    help="What in a conversation's metadata says which dialogue it belongs to; no dialogue is split."
    "  [default: 'dialogue' where there is one, else each conversation is one]",
)
@reading_options
@db_option
@dry_run_option
def command(
    logs: tuple[Path, ...],
    labels: Path | None,
    label_settings: LabelSettings,
    rubric: str,
    model: str,
    out: Path | None,
    licence: str | None,
    dialogue: str | None,
    reading: LogSettings,
    db: str | None,
    dry_run: bool,
) -> int:
    """Train a small local model to judge as your labels do.

    What is trained is a head: a linear layer on the model's hidden states.

    The labelled turns are those of the LOGs, or of the store; labels come as in `judges validate`. The model reads each
    turn once (what was read is kept, so a stopped training goes on); then the layer is fitted, and tried on dialogues
    that were held out. Where the model brings a head for the maxim, as embedded does for some, that one is corrected;
    'embedded?head=none' begins from nothing. How many labels are worth it: docs/heads.md. The file holds weights and a
    card, some kilobytes of JSON. Judge with it:

    \b
        convexplain judges train chats.jsonl --labels labels.csv --rubric helpfulness --out ours.json
        convexplain analyze chats.jsonl --rubric helpfulness --judge 'embedded?head=ours.json'
        convexplain judges validate chats.jsonl --labels new.csv --judge 'embedded?head=ours.json' --judge embedded
    """
    workspace = open_workspace(db)
    labelled: dict[str, Any] = {
        "logs": list(logs) or None,
        "labels": labels,
        "dialogue": dialogue,
        "settings": reading,
        "label_settings": label_settings,
        "progress": progress_shown(),
    }
    if dry_run:
        plan = workspace.plan_validation(**labelled, rubrics=rubric, judge=model)
        name = JudgeSpec.parse(model).public
        text = f"{name} would read {plan.judgements:,} labelled turns or sides of pairs once. Nothing was asked."
        click.echo(one_line(text))
        return 0
    if out is not None and out.is_dir():
        raise UsageError(f"--out {str(out)!r} is a folder; name a file")
    if out is not None:
        check_writable(out.parent)
    trained = workspace.train_head(**labelled, rubric=rubric, model=model, licence=licence)
    target = out or Path(f"{trained.head.rubric}.head.json")
    _show(trained, target, trained.write(target).public)
    return 1 if trained.left_out else 0


def _show(trained: TrainedHead, target: Path, judge: str) -> None:
    console = Console()
    for name, measures in trained.head.card["held_out"].items():
        console.print(
            plain(
                f"Head for {trained.head.rubric} on {name}: {measures['turns']:,} labelled turns and "
                f"{measures['pairs']:,} pairs in {measures['dialogues']:,} dialogues. On dialogues that were held out:"
            ),
            soft_wrap=True,
        )
        table = Table()
        for column in ("measure", "value", "95 % interval"):
            table.add_column(column, justify="left" if column == "measure" else "right")
        for key, title in _ROWS:
            if key in measures:
                table.add_row(title, *_cells(measures[key]))
        console.print(table)
    console.print(plain(f"{target} ({target.stat().st_size / 1024:.0f} KB). Judge with it: --judge '{judge}'"))


def _cells(estimate: Mapping[str, Any]) -> tuple[str, str]:
    value = f"{estimate['value']:.2f}" if "value" in estimate else f"- ({estimate.get('reason', 'not defined')})"
    return value, f"{estimate['low']:.2f} to {estimate['high']:.2f}" if "low" in estimate else "-"

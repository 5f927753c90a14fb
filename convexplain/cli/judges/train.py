"""`convexplain judges train`: a head of a team's own, from turns that people or a strong judge have labelled."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from convexplain.errors import UsageError
from convexplain.text.visible import one_line
from convexplain.workspace import JudgeSpec, LabelSettings, LogSettings, TrainedHead, Workspace
from convexplain.workspace.distillation import MIN_TURNS, TURNS
from convexplain.workspace.run_files import check_writable

from ..options.judging import dry_run_option
from ..options.labels import label_options
from ..options.logs import LogPath, reading_options
from ..options.numbers import Count
from ..options.store import db_option, open_workspace, progress_shown, seed_option
from ..options.turns import refuse
from ..show.distillation import show_distillation, show_distillation_plan
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
@click.pass_context
@click.argument("logs", nargs=-1, type=LogPath(), metavar="[LOG...]")
@label_options
@click.option(
    "--teacher",
    metavar="MODEL",
    help="A strong judge, named like --judge elsewhere: it labels a sample of the LOGs; no label by hand is needed.",
)
@click.option(
    "--turns",
    type=Count(min=MIN_TURNS),
    default=TURNS,
    show_default=True,
    help="With --teacher: turns that it labels; a fifth of them is held out.",
)
@click.option(
    "--rubric",
    "rubrics",
    multiple=True,
    metavar="ID|FILE",
    help="The maxim that the labels answer. With --teacher it may be repeated.  [default with --teacher: helpfulness, "
    "harm, informativeness]",
)
@click.option(
    "--model",
    default="embedded",
    show_default=True,
    metavar="MODEL",
    help="Whose hidden states it reads: embedded, or local:REPO_OR_FOLDER.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="FILE|DIR",
    help="Where the head goes; of several maxims, the folder with a file for each.  [default: ID.head.json]",
)
@click.option("--licence", metavar="TEXT", help="The labels' licence, for the head's card.")
@click.option(
    "--dialogue",
    metavar="KEY",
    help="What in a conversation's metadata says which dialogue it belongs to; no dialogue is split."
    "  [default: 'dialogue' where there is one, else each conversation is one]",
)
@reading_options
@seed_option
@db_option
@dry_run_option
def command(
    ctx: click.Context,
    logs: tuple[Path, ...],
    labels: Path | None,
    label_settings: LabelSettings,
    teacher: str | None,
    turns: int,
    rubrics: tuple[str, ...],
    model: str,
    out: Path | None,
    licence: str | None,
    dialogue: str | None,
    reading: LogSettings,
    seed: int,
    db: str | None,
    dry_run: bool,
) -> int:
    """Train a small local model to judge as your labels, or a strong judge, do.

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

    With --teacher no label is needed: a strong judge labels a sample of the turns, as a run, which goes on where it was
    stopped. The card says how far the small model follows it on held-out dialogues, and at what share of the cost.
    --labels are then only compared with.

    \b
        convexplain judges train chats.jsonl --teacher mixtral --turns 2000 --out heads --dry-run
        convexplain judges train chats.jsonl --teacher openai:gpt-5-mini --rubric harm --out harm.json
    """
    arguments: dict[str, Any] = {
        "logs": list(logs) or None,
        "labels": labels,
        "dialogue": dialogue,
        "settings": reading,
        "label_settings": label_settings,
        "progress": progress_shown(),
    }
    if out is not None and out.is_dir() and not (teacher and len(rubrics) != 1):
        raise UsageError(f"--out {str(out)!r} is a folder; name a file")
    workspace = open_workspace(db)
    if teacher is None:
        refuse(ctx, dict.fromkeys(("turns", "seed"), "without --teacher"))
        if len(rubrics) != 1:
            raise UsageError("name the one maxim that the labels answer (--rubric ID); several need a --teacher")
        return _train(workspace, rubrics[0], model, out, licence, arguments, dry_run)
    arguments |= {"teacher": teacher, "student": model, "turns": turns, "seed": seed}
    arguments |= {"rubrics": rubrics} if rubrics else {}
    return _distill(workspace, len(rubrics) == 1, out, licence, arguments, dry_run)


def _train(
    workspace: Workspace,
    rubric: str,
    model: str,
    out: Path | None,
    licence: str | None,
    labelled: dict[str, Any],
    dry_run: bool,
) -> int:
    """Train a head on people's labels."""
    if dry_run:
        plan = workspace.plan_validation(**labelled, rubrics=rubric, judge=model)
        name = JudgeSpec.parse(model).public
        text = f"{name} would read {plan.judgements:,} labelled turns or sides of pairs once. Nothing was asked."
        click.echo(one_line(text))
        return 0
    if out is not None:
        check_writable(out.parent)
    trained = workspace.train_head(**labelled, rubric=rubric, model=model, licence=licence)
    target = out or Path(f"{trained.head.rubric}.head.json")
    _show(trained, target, trained.write(target).public)
    return 1 if trained.left_out else 0


def _distill(
    workspace: Workspace, single: bool, out: Path | None, licence: str | None, arguments: dict[str, Any], dry_run: bool
) -> int:
    """Train heads on a teacher's scores."""
    console = Console()
    if dry_run:
        return show_distillation_plan(console, workspace.plan_distillation(**arguments))
    if out is not None:
        check_writable(out.parent if single else out)
    distilled = workspace.distill(**arguments, licence=licence)
    default = Path(f"{distilled.heads[0].head.rubric}.head.json") if single else Path()
    return show_distillation(console, distilled, distilled.write(out or default))


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

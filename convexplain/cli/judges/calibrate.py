"""`convexplain judges calibrate`: from a judge's scores to what people say, and thresholds that keep a promise."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from convexplain.agreement import format_share
from convexplain.errors import UsageError
from convexplain.workspace import FittedCalibration, JudgeOptions, LabelSettings, LogSettings, StoredCalibrations
from convexplain.workspace.calibrations import aim_of, check_prior
from convexplain.workspace.explainers import check_models
from convexplain.workspace.inputs import rubrics_of

from ..options.judging import dry_run_option, judge_option, judge_or_default, judging_options
from ..options.labels import label_options
from ..options.logs import LogPath, reading_options
from ..options.numbers import Count, Share
from ..options.store import db_option, open_workspace, progress_shown, seed_option
from ..options.turns import refuse
from ..show.agreement import show_validation_plan
from ..show.progress import plain


@click.command("calibrate")
@click.pass_context
@click.argument("logs", nargs=-1, type=LogPath(), metavar="[LOG...]")
@label_options
@judge_option
@click.option("--rubric", "rubric", metavar="ID|FILE", help="The maxim that is calibrated.")
@click.option(
    "--precision",
    type=Share(min_open=True),
    metavar="P",
    help="Flag so that of the flagged turns this share is bad.",
)
@click.option(
    "--recall",
    type=Share(min_open=True),
    metavar="R",
    help="Flag so that of the bad turns this share is flagged.",
)
@click.option("--flagged", type=Share(min_open=True), metavar="S", help="Flag this share of the turns.")
@click.option(
    "--prior", is_flag=True, help="Without labels: take out what the judge says where there is nothing to judge."
)
@judging_options("samples")
@click.option("--dialogue", metavar="KEY", help="What in a conversation's metadata says which dialogue it belongs to.")
@click.option("--list", "show", is_flag=True, help="List the calibrations that are kept, and stop.")
@click.option(
    "--remove",
    type=Count(min=1),
    metavar="NUMBER",
    help="Take out the calibration of that number, and stop.",
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
    judge: str | None,
    rubric: str | None,
    precision: float | None,
    recall: float | None,
    flagged: float | None,
    prior: bool,
    judging: JudgeOptions,
    dialogue: str | None,
    show: bool,
    remove: int | None,
    seed: int,
    db: str | None,
    dry_run: bool,
    reading: LogSettings,
) -> int:
    """Map a judge's scores to what people say, and choose a threshold.

    The labelled turns of the LOGs, or of the store, are judged; a rising curve is fitted from scores to people's means
    and tried on dialogues that were held out. It is kept for that judge and maxim, and applied where `--calibrated` is
    said; scores that are kept stay what they are, so it can be undone (--list, --remove). One of --precision, --recall
    and --flagged proposes the threshold under which turns are flagged. A judge that tells good from bad turns no better
    than chance, length or place gets no curve.

    \b
        convexplain judges calibrate chats.jsonl --labels labels.csv --rubric helpfulness --precision 0.8
        convexplain analyze chats.jsonl --rubric helpfulness --calibrated
        convexplain judges calibrate --rubric helpfulness --prior          # no labels: only the judge's own leaning
    """
    if remove is not None or show:
        return _manage(ctx, remove, db)
    workspace, console = open_workspace(db), Console()
    if rubric is None:
        raise UsageError("name the maxim: --rubric ID")
    if prior:
        check_prior(list(logs) or None, labels, aim_of(precision, recall, flagged))
        used = {"prior", "rubric", "judge", "samples", "db", "dry_run"}
        refuse(ctx, dict.fromkeys(ctx.params.keys() - used, "with --prior, which uses no labels"))
    judge = judge_or_default(judge)
    if dry_run and prior:
        rubrics_of(rubric)
        asyncio.run(check_models(judge))
        console.print("A few judgements of empty conversations. Nothing was asked.")
        return 0
    labelled: dict[str, Any] = {
        "logs": list(logs) or None,
        "labels": labels,
        "judge": judge,
        "samples": judging["samples"],
        "dialogue": dialogue,
        "settings": reading,
        "label_settings": label_settings,
        "progress": progress_shown(),
    }
    if dry_run:
        return show_validation_plan(console, workspace.plan_validation(**labelled, rubrics=rubric))
    fitted = workspace.calibrate(
        **labelled, rubric=rubric, precision=precision, recall=recall, flagged=flagged, prior=prior, seed=seed
    )
    if prior:
        _show_prior(console, fitted)
    else:
        _show(console, fitted)
    return 1 if fitted.left_out else 0


def _manage(ctx: click.Context, remove: int | None, db: str | None) -> int:
    """Take out the calibration of a number, or list all where there is no number."""
    option, name = ("--list", "show") if remove is None else ("--remove", "remove")
    refuse(ctx, dict.fromkeys(ctx.params.keys() - {name, "db"}, f"with {option}"))
    workspace, console = open_workspace(db), Console()
    if remove is None:
        _list(console, workspace.calibrations())
    else:
        workspace.remove_calibration(remove)
        console.print(f"Calibration {remove} is taken out; scores are raw again.")
    return 0


def _list(console: Console, calibrations: StoredCalibrations) -> None:
    table = Table()
    for column in ("number", "judge", "maxim", "kind", "turns", "threshold", "labels", "date"):
        table.add_column(column, justify="right" if column in ("number", "turns", "threshold") else "left")
    for number, calibration in calibrations.items():
        about = calibration.about
        table.add_row(
            str(number),
            *(plain(str(about.get(key, "?"))) for key in ("judge", "rubric")),
            calibration.kind,
            str(about.get("turns", "-")),
            "-" if calibration.threshold is None else f"{calibration.threshold:.2f}",
            *(plain(str(about.get(key, "?"))) for key in ("labels", "date")),
        )
    console.print(table)


def _show_prior(console: Console, fitted: FittedCalibration) -> None:
    about = fitted.calibration.about
    console.print(
        plain(
            f"Where there is nothing to judge, {about['judge']} gives {fitted.rubric.id} {about['content_free']:.2f} "
            f"({about['inputs']} inputs). Log-odds are moved by {fitted.calibration.intercept:+.2f}; apply it with "
            "--calibrated."
        ),
        soft_wrap=True,
    )


def _show(console: Console, fitted: FittedCalibration) -> None:
    calibration, rubric, proposed = fitted.calibration, fitted.rubric, fitted.threshold
    console.print(
        plain(
            f"{calibration.about['judge']} on {rubric.id}: {calibration.kind}, {calibration.about['turns']:,} labelled "
            f"turns in {calibration.about['dialogues']:,} dialogues. The curve on dialogues that were held out:"
        ),
        soft_wrap=True,
    )
    auc, baseline = calibration.about["auc"], calibration.about["baseline"]
    console.print(
        f"AUC {_cell(auc)} (0.5 is chance), above that of the {baseline['name']}, {baseline['auc']:.2f}.",
        soft_wrap=True,
    )
    table = Table()
    for column in ("", "raw", "calibrated"):
        table.add_column(column, justify="right" if column else "left")
    for key, title in (("brier", "Brier score (0 = as people say)"), ("ece", "calibration error (0 = none)")):
        table.add_row(title, *(_cell(calibration.about[side][key]) for side in ("before", "after")))
    console.print(table)
    curve = ", ".join(f"{score:.1f} becomes {calibration.apply(score):.2f}" for score in (0.1, 0.3, 0.5, 0.7, 0.9))
    console.print(f"A score of {curve}.", soft_wrap=True)
    if proposed is not None:
        console.print(
            f"Threshold {proposed.value:.3f} instead of {rubric.threshold:g}: precision "
            f"{format_share(proposed.precision)} (of {_turns(proposed.precision.n)} flagged), recall "
            f"{format_share(proposed.recall)} (of {_turns(proposed.recall.n)} that people call bad), flagged "
            f"{format_share(proposed.flagged)} of all. It was chosen on these very turns: on new ones expect less.",
            soft_wrap=True,
        )
    console.print("Kept; `--calibrated` applies it, `convexplain judges calibrate --list` and `--remove` undo it.")


def _turns(n: int) -> str:
    return f"{n:,} {'turn' if n == 1 else 'turns'}"


def _cell(estimate: Mapping[str, Any]) -> str:
    interval = f" [{estimate['low']:.3f}, {estimate['high']:.3f}]" if "low" in estimate else ""
    return f"{estimate['value']:.3f}{interval}" if "value" in estimate else "-"

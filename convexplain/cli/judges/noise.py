"""`convexplain judges noise`: how far does a judge's score move for no reason?"""

import asyncio
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from convexplain.analysis.sources import find_logs
from convexplain.rubrics import HEADLINE
from convexplain.workspace import JudgeOptions, LogSettings, NoiseFloor
from convexplain.workspace.explainers import check_models
from convexplain.workspace.inputs import rubrics_of
from convexplain.workspace.noise import MIN_TURNS, TURN_JUDGEMENTS

from ..options.judging import dry_run_option, judge_option, judge_or_default, judging_options
from ..options.logs import LogPath, reading_options
from ..options.numbers import Count
from ..options.store import db_option, open_workspace, progress_shown, seed_option
from ..show.progress import plain


@click.command("noise")
@click.argument("logs", nargs=-1, type=LogPath(), metavar="[LOG...]")
@judge_option
@click.option(
    "--rubric",
    "rubrics",
    multiple=True,
    default=HEADLINE,
    metavar="ID|FILE",
    help=f"A maxim; may be repeated.  [default: {', '.join(HEADLINE)}]",
)
@click.option(
    "-n",
    type=Count(min=MIN_TURNS),
    default=MIN_TURNS,
    show_default=True,
    help=f"Turns, spread over the logs; each takes {TURN_JUDGEMENTS} judgements.",
)
@judging_options("samples", "calibrated")
@reading_options
@seed_option
@db_option
@dry_run_option
def command(
    logs: tuple[Path, ...],
    judge: str | None,
    rubrics: tuple[str, ...],
    n: int,
    judging: JudgeOptions,
    seed: int,
    db: str | None,
    dry_run: bool,
    reading: LogSettings,
) -> int:
    """Measure how far a judge's scores move for no reason.

    The same turns are judged again under changes that mean nothing: white space, speaker labels, quotation marks, the
    order of the examples, a greeting. The examples are also shuffled, and the rubric is put in other words. The result
    is the noise floor (95 % of the 20 first kinds of changes move a score by less) and the spread. Beside them are the
    turns that change their side of the threshold, and the band around it in which the judge cannot tell the sides
    apart. The floor is kept: `contrast` takes it as the least movement that counts, and leaves turns inside the band
    alone.

    \b
        convexplain judges noise chats.jsonl --rubric helpfulness --judge 'http://localhost:8000/v1?model=NAME'
        convexplain judges noise                      # on the conversations of the store
    """
    judge = judge_or_default(judge)
    if dry_run:
        rubrics_of(rubrics)
        find_logs(logs)
        asyncio.run(check_models(judge))
        count = n * TURN_JUDGEMENTS * len(rubrics)
        click.echo(
            f"At most {count:,} judgements: {n} turns, each {TURN_JUDGEMENTS} times, on {len(rubrics)} maxims. "
            "Nothing was asked."
        )
        return 0
    floors = open_workspace(db).measure_noise(
        list(logs) or None,
        rubrics,
        judge,
        n=n,
        samples=judging["samples"],
        calibrated=judging["calibrated"],
        seed=seed,
        settings=reading,
        progress=progress_shown(),
    )
    for floor in floors:
        _show(Console(), floor)
    return 0


def _show(console: Console, floor: NoiseFloor) -> None:
    console.print(
        plain(
            f"{floor.model} on {floor.rubric}: noise floor {floor.value:.3f} ({floor.turns} turns, {floor.n} changed "
            f"prompts{f', {floor.unscored} without a comparable score' if floor.unscored else ''})."
        ),
        soft_wrap=True,
    )
    low, high = floor.band
    console.print(
        f"Scores between {low:.2f} and {high:.2f} are too close to the threshold of {floor.threshold:g} to call. "
        f"{floor.unsure:.0%} of the turns change side under some change; {floor.flips:.1%} of all changes do it. "
        f"A turn's scores spread by {floor.spread:.3f} (standard deviation, mean over turns).",
        soft_wrap=True,
    )
    if floor.again is not None:
        console.print(f"The very same turn measured twice: {floor.again:.3f} apart on average (samples).")
    table = Table()
    table.add_column("change")
    table.add_column("mean movement", justify="right")
    for name, value in sorted(floor.by_change.items(), key=lambda item: -item[1]):
        table.add_row(name, f"{value:.3f}")
    console.print(table)

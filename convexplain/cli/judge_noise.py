"""`convexplain judge-noise`: how far does a judge's score move for no reason?"""

import asyncio
from itertools import chain
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from convexplain.analysis.pipeline import turns_to_judge
from convexplain.analysis.runs import find_logs
from convexplain.cli.show.runs import CountProgress, plain
from convexplain.errors import UsageError
from convexplain.explain.explanations import spread
from convexplain.judges.noise import CHANGES, MIN_TURNS, NoiseFloor, further, noise_floor
from convexplain.rubrics import load_rubric
from convexplain.store import RunStore, keep_noise_floor
from convexplain.types import Conversation, Rubric
from convexplain.workspace.build import asking

from .judging import floor_key, kept_calibrations, with_threshold
from .labels import Problems, sources
from .options import JUDGE_HELP, db_option, open_store, seed_option
from .reading import Reading, reading_options


@click.command("judge-noise")
@click.argument("logs", nargs=-1, type=click.Path(path_type=Path), metavar="[LOG...]")
@click.option("--judge", default="embedded", show_default=True, metavar="MODEL", help=JUDGE_HELP)
@click.option("--rubric", "rubrics", multiple=True, required=True, metavar="ID|FILE", help="A maxim; may be repeated.")
@click.option(
    "-n",
    "turns",
    type=click.IntRange(min=MIN_TURNS),
    default=MIN_TURNS,
    show_default=True,
    help=f"Turns, spread over the logs; each takes {1 + len(CHANGES) + len(further())} judgements.",
)
@click.option("--samples", type=click.IntRange(min=1), metavar="N", help="Average N sampled replies of the judge.")
@click.option(
    "--calibrated", is_flag=True, help="Of scores as `convexplain calibrate` maps them, not of those that it gives."
)
@reading_options
@seed_option
@db_option
def noise_command(
    logs: tuple[Path, ...],
    judge: str,
    rubrics: tuple[str, ...],
    turns: int,
    samples: int | None,
    calibrated: bool,
    seed: int,
    db: str | None,
    reading: Reading,
) -> int:
    """Judge the same turns again under changes that mean nothing: white space, speaker labels, quotation marks, the
    order of the examples, a greeting; also examples shuffled and the rubric in other words.

    Told are the noise floor (95 % of the 20 first kinds of changes move a score by less), the spread, how many turns
    change their side of the threshold, and the band around it in which the judge cannot tell the sides apart. The floor
    is kept: `explain` takes it as the least movement that counts, and leaves turns inside the band alone.

    \b
        convexplain judge-noise chats.jsonl --rubric helpfulness --judge 'http://localhost:8000/v1?model=NAME'
        convexplain judge-noise --rubric harm        # on the conversations of the store
    """
    store, notes = open_store(db), Console(stderr=True)
    problems = Problems(notes)
    places = sources(reading.reader(), find_logs(logs), ())
    found = [
        (talk, place)
        for talk in chain.from_iterable(source.read(store, problems) for source in places)
        for place in turns_to_judge(talk, "all")
    ]
    problems.rest()
    reading.tell(notes)
    if len(found) < MIN_TURNS:
        raise UsageError(f"{len(found)} assistant turns are there; a noise floor needs at least {MIN_TURNS}")
    asked = [load_rubric(one) for one in rubrics]
    asyncio.run(_measure(store, judge, asked, spread(found, turns), samples, calibrated, seed, notes))
    return 0


async def _measure(
    store: RunStore,
    name: str,
    rubrics: list[Rubric],
    turns: list[tuple[Conversation, int]],
    samples: int | None,
    calibrated: bool,
    seed: int,
    notes: Console,
) -> None:
    console, more = Console(), further(seed)
    async with asking(name, store) as calls:
        maps = kept_calibrations(store, calls.model, samples, rubrics) if calibrated else {}
        with CountProgress(notes, "changes", (len(CHANGES) + len(more)) * len(rubrics)) as bar:
            for one in rubrics:
                mapped = maps.get(one.id)
                rubric = with_threshold(one, mapped)
                found = await noise_floor(calls, rubric, turns, samples, more, bar.advance, mapped)
                key = floor_key(calls.model, mapped)
                keep_noise_floor(store, key, rubric, found.value, found.turns, found.n, samples)
                _show(console, rubric, found)


def _show(console: Console, rubric: Rubric, found: NoiseFloor) -> None:
    console.print(
        plain(
            f"{found.model} on {rubric.id}: noise floor {found.value:.3f} ({found.turns} turns, {found.n} changed "
            f"prompts{f', {found.unscored} without a comparable score' if found.unscored else ''})."
        ),
        soft_wrap=True,
    )
    low, high = max(0.0, rubric.threshold - found.value), min(1.0, rubric.threshold + found.value)
    console.print(
        f"Scores between {low:.2f} and {high:.2f} are too close to the threshold of {rubric.threshold:g} to call. "
        f"{found.unsure:.0%} of the turns change side under some change; {found.flips:.1%} of all changes do it. "
        f"A turn's scores spread by {found.spread:.3f} (standard deviation, mean over turns).",
        soft_wrap=True,
    )
    if found.again is not None:
        console.print(f"The very same turn measured twice: {found.again:.3f} apart on average (samples).")
    table = Table()
    table.add_column("change")
    table.add_column("mean movement", justify="right")
    for name, value in sorted(found.by_change.items(), key=lambda item: -item[1]):
        table.add_row(name, f"{value:.3f}")
    console.print(table)

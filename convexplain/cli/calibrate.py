"""`convexplain calibrate`: from a judge's scores to what people say, and thresholds that keep a promise."""

import asyncio
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from convexplain.agreement import LabelledTurn, group_of
from convexplain.agreement.calibration import Aim, Calibration, Threshold, calibrate, label_prior, threshold_for
from convexplain.agreement.validation import RunJudgements, labelled_turns
from convexplain.analysis.runs import find_logs
from convexplain.cli.show.runs import plain
from convexplain.errors import UsageError
from convexplain.fidelity import Estimate
from convexplain.judges import Judge
from convexplain.rubrics import load_rubric
from convexplain.store import RunStore, calibrations, keep_calibration, remove_calibration
from convexplain.types import Conversation, Rubric, Turn
from convexplain.workspace.build import asking

from .judging import Judging, calibration_key
from .labels import Labelling, Problems, label_options, sources
from .options import JUDGE_HELP, db_option, open_store, seed_option
from .order import DIGITS
from .reading import Reading, reading_options
from .validate import LabelOrder, check_dialogue, judge_labelled

CONTENT_FREE = ("N/A", "[…]", "…")
"""What stands in the place of every turn where there is nothing to judge."""


@click.command("calibrate")
@click.argument("logs", nargs=-1, type=click.Path(path_type=Path), metavar="[LOG...]")
@label_options
@click.option("--judge", default="embedded", show_default=True, metavar="MODEL", help=JUDGE_HELP)
@click.option("--rubric", "rubric_id", metavar="ID|FILE", help="The maxim that is calibrated.")
@click.option(
    "--precision",
    type=click.FloatRange(0, 1, min_open=True),
    metavar="P",
    help="Flag so that of the flagged turns this share is bad.",
)
@click.option(
    "--recall",
    type=click.FloatRange(0, 1, min_open=True),
    metavar="R",
    help="Flag so that of the bad turns this share is flagged.",
)
@click.option(
    "--flagged", type=click.FloatRange(0, 1, min_open=True), metavar="S", help="Flag this share of the turns."
)
@click.option(
    "--prior", is_flag=True, help="Without labels: take out what the judge says where there is nothing to judge."
)
@click.option("--samples", type=click.IntRange(min=1), metavar="N", help="Average N sampled replies of the judge.")
@click.option("--dialogue", metavar="KEY", help="What in a conversation's metadata says which dialogue it belongs to.")
@click.option("--list", "show", is_flag=True, help="List the calibrations that are kept, and stop.")
@click.option(
    "--remove",
    type=click.IntRange(1, 10**DIGITS // 10 - 1),
    metavar="NUMBER",
    help="Take out the calibration of that number, and stop.",
)
@reading_options
@seed_option
@db_option
def calibrate_command(
    logs: tuple[Path, ...],
    labelling: Labelling,
    judge: str,
    rubric_id: str | None,
    precision: float | None,
    recall: float | None,
    flagged: float | None,
    prior: bool,
    samples: int | None,
    dialogue: str | None,
    show: bool,
    remove: int | None,
    seed: int,
    db: str | None,
    reading: Reading,
) -> int:
    """Calibrate a judge on a maxim: what do people say of turns that it gives a score?

    The labelled turns of the LOGs, or of the store, are judged; a rising curve is fitted from scores to people's means
    and tried on dialogues that were held out. It is kept for that judge and maxim, and applied where `--calibrated` is
    said; scores that are kept stay what they are, so it can be undone (--list, --remove). One of --precision, --recall
    and --flagged proposes the threshold under which turns are flagged.

    \b
        convexplain calibrate chats.jsonl --labels labels.csv --rubric helpfulness --precision 0.8
        convexplain analyze chats.jsonl --rubric helpfulness --calibrated
        convexplain calibrate --rubric helpfulness --prior          # no labels: only the judge's own leaning
    """
    store, console, notes = open_store(db), Console(), Console(stderr=True)
    if show or remove is not None:
        return _kept(store, console, remove)
    if rubric_id is None:
        raise UsageError("name the maxim: --rubric ID")
    given: dict[Aim, float | None] = {"precision": precision, "recall": recall, "flagged": flagged}
    aims = [(aim, value) for aim, value in given.items() if value is not None]
    if len(aims) > 1:
        raise UsageError("--precision, --recall and --flagged exclude each other: name one of them")
    rubric = load_rubric(rubric_id)
    if prior:
        if aims or logs or labelling.path is not None:
            raise UsageError(
                "--prior uses neither labels nor LOGs and proposes no threshold: leave it out, or leave out --labels, "
                "LOGs, --precision, --recall and --flagged"
            )
        return asyncio.run(_prior(store, judge, rubric, samples, console))
    problems = Problems(notes)
    places = sources(reading.reader(), find_logs(logs), ())
    conversations = chain.from_iterable(place.read(store, problems) for place in places)
    found = replace(labelling.found(conversations, store, [rubric], problems), preferences=())
    problems.rest()
    reading.tell(notes)
    if not found.of(rubric.id):
        raise UsageError(f"no label on {rubric.id} was found: give --labels FILE, or LOGs that bring their labels")
    turns = labelled_turns(found, [rubric])
    check_dialogue(dialogue, turns)
    order = LabelOrder(store, found, (rubric,), turns, (judge,), (), Judging(samples), dialogue, seed, Path(), 0)
    run, key = asyncio.run(judge_labelled(order, judge, notes))
    scored = _scored(order, run, notes)
    made = calibrate(scored.scores, scored.humans, scored.groups, seed)
    proposed = None
    if aims:
        mapped = [made.apply(score) for score in scored.scores]
        proposed = threshold_for(*aims[0], mapped, scored.humans, rubric.threshold, scored.groups, seed)
    labels = labelling.path.name if labelling.path else "logs and store"
    about = {**made.about, "judge": judge, "rubric": rubric.id, "labels": labels, "run": run, "date": _today()}
    made = replace(made, threshold=proposed.value if proposed else None, about=about)
    keep_calibration(store, key, rubric, made)
    _show(console, rubric, made, proposed)
    return 1 if problems.left_out else 0


@dataclass(frozen=True, slots=True)
class _Scored:
    """Labelled turns that the judge has scored: its scores, people's means, their dialogues."""

    scores: list[float]
    humans: list[float]
    groups: list[Hashable]


def _scored(order: LabelOrder, run: int, notes: Console) -> _Scored:
    (rubric,), judged = order.rubrics, RunJudgements(order.store, run, order.judges[0])
    found = _Scored([], [], [])
    missing = 0
    for (talk, place), ratings in order.found.of(rubric.id).items():
        said = judged.judgement(talk, place, rubric.id)
        if said is None or said.score is None:
            missing += 1
            continue
        found.scores.append(said.score)
        found.humans.append(LabelledTurn(talk, place, ratings).human)
        found.groups.append(group_of(talk, order.dialogue))
    if missing:
        notes.print(f"{missing:,} labelled turns have no score; they count in nothing.")
    return found


async def _prior(store: RunStore, name: str, rubric: Rubric, samples: int | None, console: Console) -> int:
    """Moves the judge's log-odds by those that it gives where there is nothing to judge."""
    if {label.value for label in rubric.labels} != {0.0, 1.0}:
        raise UsageError(f"--prior: {rubric.id} has not just a label of value 0 and one of value 1")
    async with asking(name, store) as calls:
        judge = Judge(calls, samples=samples)
        talks = [
            Conversation(f"nothing-{i}", (Turn("user", text), Turn("assistant", text)))
            for i, text in enumerate(CONTENT_FREE)
        ]
        said = [await judge.judge_turn(talk, 1, rubric) for talk in talks]
        made = label_prior([one.score for one in said if one.score is not None])
        about = {**made.about, "judge": name, "rubric": rubric.id, "labels": "none", "date": _today()}
        keep_calibration(store, calibration_key(calls.model, samples), rubric, replace(made, about=about))
    console.print(
        plain(
            f"Where there is nothing to judge, {name} gives {rubric.id} {made.about['content_free']:.2f} "
            f"({made.about['inputs']} inputs). Log-odds are moved by {made.intercept:+.2f}; apply it with --calibrated."
        ),
        soft_wrap=True,
    )
    return 0


def _kept(store: RunStore, console: Console, remove: int | None) -> int:
    if remove is not None:
        if not remove_calibration(store, remove):
            raise UsageError(f"--remove {remove}: there is no such calibration; --list shows those that are kept")
        console.print(f"Calibration {remove} is taken out; scores are raw again.")
        return 0
    table = Table()
    for column in ("number", "judge", "maxim", "kind", "turns", "threshold", "labels", "date"):
        table.add_column(column, justify="right" if column in ("number", "turns", "threshold") else "left")
    for number, one in calibrations(store):
        about = one.about
        table.add_row(
            str(number),
            *(plain(str(about.get(key, "?"))) for key in ("judge", "rubric")),
            one.kind,
            str(about.get("turns", "-")),
            "-" if one.threshold is None else f"{one.threshold:.2f}",
            *(plain(str(about.get(key, "?"))) for key in ("labels", "date")),
        )
    console.print(table)
    return 0


def _show(console: Console, rubric: Rubric, made: Calibration, proposed: Threshold | None) -> None:
    console.print(
        plain(
            f"{made.about['judge']} on {rubric.id}: {made.kind}, {made.about['turns']:,} labelled turns in "
            f"{made.about['dialogues']:,} dialogues. On dialogues that were held out:"
        ),
        soft_wrap=True,
    )
    table = Table()
    for column in ("", "raw", "calibrated"):
        table.add_column(column, justify="right" if column else "left")
    for key, title in (("brier", "Brier score (0 = as people say)"), ("ece", "calibration error (0 = none)")):
        table.add_row(title, *(_cell(made.about[side][key]) for side in ("before", "after")))
    console.print(table)
    curve = ", ".join(f"{score:.1f} becomes {made.apply(score):.2f}" for score in (0.1, 0.3, 0.5, 0.7, 0.9))
    console.print(f"A score of {curve}.", soft_wrap=True)
    if proposed is not None:
        console.print(
            f"Threshold {proposed.value:.3f} instead of {rubric.threshold:g}: precision {_told(proposed.precision)}, "
            f"recall {_told(proposed.recall)}, flagged {_told(proposed.flagged)}. It was chosen on these very turns.",
            soft_wrap=True,
        )
    console.print("Kept; `--calibrated` applies it, `convexplain calibrate --list` and `--remove` undo it.")


def _cell(found: Mapping[str, Any]) -> str:
    interval = f" [{found['low']:.3f}, {found['high']:.3f}]" if "low" in found else ""
    return f"{found['value']:.3f}{interval}" if "value" in found else "-"


def _told(found: Estimate) -> str:
    if found.value is None:
        return "-"
    interval = f" [{found.low:.0%}, {found.high:.0%}]" if found.low is not None and found.high is not None else ""
    return f"{found.value:.0%}{interval}"


def _today() -> str:
    return datetime.now(UTC).date().isoformat()

"""`convexplain validate`: how far do judges agree with people?"""

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from convexplain import __version__
from convexplain.agreement import RubricAgreement, agreement_body, dialogue_of, group_of
from convexplain.agreement.calibration import Calibration
from convexplain.agreement.labelled import Matched
from convexplain.agreement.validation import LabelledTurns, RunJudgements, agreements, labelled_turns
from convexplain.analysis.runs import Held, analyse, find_logs, plan
from convexplain.cli.show.agreement import show_agreement
from convexplain.cli.show.runs import RunProgress, plain
from convexplain.connectors.models import LlamaCppModel, LocalModel, open_model
from convexplain.errors import UnavailableError, UsageError
from convexplain.judges import Judge
from convexplain.judges.heads import judged_by
from convexplain.models.calls import Calls
from convexplain.models.chat import ChatModel
from convexplain.report.agreement_report import write_agreement
from convexplain.store import RunStore, keep_ratings, run_rubrics
from convexplain.types import Rubric

from .judging import Judging, bench, calibration_key, judging_options
from .labels import Labelling, Problems, label_options, labelled_rubrics, sources
from .options import JUDGE_HELP, db_option, open_store, out_option, seed_option
from .reading import Reading, reading_options


@dataclass(frozen=True, slots=True)
class LabelOrder:
    """What was asked for.

    Attributes:
        store: the store.
        found: labels with their turns.
        rubrics: those that have labels.
        turns: what is judged.
        judges: models that judge now, by name.
        runs: runs whose judgements are taken.
        judging: how the judges judge.
        dialogue: the name in the conversations' metadata of what is drawn together; None = the usual ones.
        seed: of the intervals.
        out: where the files go.
        worst: disagreements that are printed.
    """

    store: RunStore
    found: Matched
    rubrics: tuple[Rubric, ...]
    turns: LabelledTurns
    judges: tuple[str, ...]
    runs: tuple[int, ...]
    judging: Judging
    dialogue: str | None
    seed: int
    out: Path
    worst: int

    @property
    def make_judge(self) -> Callable[[Calls], Judge]:
        """What judges."""
        return partial(Judge, samples=self.judging.samples, explain=self.judging.explain)


@click.command("validate")
@click.argument("logs", nargs=-1, type=click.Path(path_type=Path), metavar="[LOG...]")
@label_options
@click.option(
    "--run", "runs", type=click.IntRange(min=1), multiple=True, metavar="RUN", help="Take the judgements of that run."
)
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
@click.option("--worst", type=click.IntRange(min=0), default=5, show_default=True, help="Disagreements to print.")
@click.option("--keep", is_flag=True, help="Keep the labels in the store: later commands know them without FILE.")
@judging_options
@reading_options
@seed_option
@out_option
@db_option
@click.option("--dry-run", is_flag=True, help="Say how many calls and about how many tokens it would take, and stop.")
def validate_command(
    logs: tuple[Path, ...],
    labelling: Labelling,
    runs: tuple[int, ...],
    judges: tuple[str, ...],
    rubrics: tuple[str, ...],
    dialogue: str | None,
    worst: int,
    keep: bool,
    judging: Judging,
    reading: Reading,
    seed: int,
    out: Path,
    db: str | None,
    dry_run: bool,
) -> int:
    """Hold judges against people: on the turns of the LOGs, or of the store, that people have labelled.

    Labels come from --labels, from the LOGs where these bring some, and from the store. Each --judge judges the
    labelled turns alone (as a run, which goes on where it was stopped); --run takes what a run has judged. Beside the
    judges stand length and turn number: a judge that does no better has learnt nothing else. All intervals are 95 %,
    over dialogues. Scores mean "satisfied": for harm, 1 is harmless, in labels too (else --higher-is bad).

    \b
        convexplain validate chats.jsonl --labels labels.csv --rubric helpfulness --judge embedded
        convexplain validate --labels labels.csv --run 3 --run 4
        convexplain validate dbdc.zip --judge embedded --judge 'http://localhost:8000/v1?model=NAME'
        convexplain validate hh.jsonl --rubric harm --judge embedded
    """
    if len(set(judges)) < len(judges) or len(set(runs)) < len(runs):
        raise UsageError("--judge or --run: the same one is named twice")
    notes = Console(stderr=True)
    problems = Problems(notes)
    reader = reading.reader()
    named = labelled_rubrics(rubrics)
    store = open_store(db)
    for run in runs:
        store.run(run)  # says so when there is none
    wanted = named if rubrics else _of_runs(store, runs) or named
    places = sources(reader, find_logs(logs), runs)
    conversations = chain.from_iterable(place.read(store, problems) for place in places)
    everything = labelling.found(conversations, store, wanted, problems)
    problems.rest()
    reading.tell(notes)
    # What a pair without a rubric answers is known only where the rubric was named.
    found = everything if rubrics else replace(everything, preferences=everything.named)
    rated = tuple(rubric for rubric in wanted if found.of(rubric.id) or found.pairs(rubric.id))
    if not rated:
        raise UsageError(_nothing(labelling, everything))
    chosen, turns = judges if judges or runs else ("embedded",), labelled_turns(found, rated)
    check_dialogue(dialogue, turns)
    order = LabelOrder(store, found, rated, turns, chosen, runs, judging, dialogue, seed, out, worst)
    if dry_run:
        return asyncio.run(_dry_run(order, notes))
    if keep:
        notes.print(f"{keep_ratings(store, found.rated):,} labels are kept in the store.")
    judged = asyncio.run(_judged(order, notes))
    with notes.status("working out the intervals"):
        results = agreements(found, rated, judged, partial(group_of, key=dialogue), seed)
    return _say(order, results, problems)


def check_dialogue(dialogue: str | None, turns: LabelledTurns) -> None:
    """Refuses a name that no conversation knows, before anything is asked."""
    if dialogue is not None and all(dialogue_of(one, dialogue) is None for one in turns.conversations):
        raise UsageError(f"--dialogue {dialogue!r} is in the metadata of no conversation that has labels")


def _of_runs(store: RunStore, runs: Sequence[int]) -> list[Rubric]:
    """What runs were judged by, also by rubrics of a user's own; of one id the first run's."""
    found: dict[str, Rubric] = {}
    for run in runs:
        for rubric in run_rubrics(store, run):
            found.setdefault(rubric.id, rubric)
    return list(found.values())


def _nothing(labelling: Labelling, found: Matched) -> str:
    if found.preferences:
        return "there are pairs, but pairs say nothing of what they answer; name the maxim with --rubric ID"
    if labelling.path is None:
        return "no label was found: give --labels FILE, or LOGs that bring their labels"
    return (
        f"no label of {labelling.path} could be used: the messages above say why; where the file has its own name for "
        "what was rated, say --called NAME=RUBRIC"
    )


async def _judged(order: LabelOrder, notes: Console) -> list[RunJudgements]:
    """The runs that are held against people, those that are made for it first."""
    numbers = [((await judge_labelled(order, name, notes))[0], name) for name in order.judges]
    numbers += [(run, order.store.run(run).judge) for run in order.runs]
    names = [order.store.run(run).judge for run, _ in numbers]
    return [
        RunJudgements(order.store, run, name if names.count(name) == 1 else f"{name} (run {run})")
        for (run, _), name in zip(numbers, names, strict=True)
    ]


async def judge_labelled(order: LabelOrder, name: str, notes: Console) -> tuple[int, str]:
    """Lets one model judge the labelled turns. Returns the run's number, and what a calibration of it belongs to."""
    turns, model = order.turns, open_model(name)
    settings: dict[str, Any] = {
        "logs": list(dict.fromkeys(conversation.source for conversation in turns.conversations)),
        "turns": "labelled",
        "labelled": turns.sha,
        "samples": order.judging.samples,
        "explain": order.judging.explain,
        "version": __version__,
    }
    try:
        await model.prepare()
        async with bench(order.judging, order.store, model, order.rubrics) as made:
            settings |= {"rubrics": {rubric.id: rubric.sha for rubric in made.rubrics}, **made.settings}
            run = order.store.begin_run(model.name, judged_by(model), settings, made.rubrics)
            if run.resumed:
                notes.print(f"Going on with run {run.id}, which was not finished.")
            source = Held(turns.conversations)
            try:
                with RunProgress(notes, turns.judgements) as progress:
                    await analyse(source, order.store, run, made.rubrics, model, made.judge, progress, turns)
            except UnavailableError:
                notes.print("What was judged until here is kept.")
                raise
            if made.escalated:
                notes.print(plain(made.escalated), soft_wrap=True)
            for line in _seen(order, made.calibrations, name):
                notes.print(plain(f"! {line}"), soft_wrap=True)
    finally:
        await model.aclose()
    return run.id, calibration_key(model, order.judging.samples)


def _seen(order: LabelOrder, calibrations: Mapping[str, Calibration], name: str) -> Iterator[str]:
    """Says which calibrations were made from the very turns that they are held against now."""
    for rubric, one in calibrations.items():
        made_in = one.about.get("run")
        if made_in is None:
            continue
        judged, places = RunJudgements(order.store, made_in, name), order.found.of(rubric)
        if seen := sum(judged.judgement(talk, turn, rubric) is not None for talk, turn in places):
            yield (
                f"{seen:,} of {len(places):,} labelled turns are among those that {name} was calibrated on for "
                f"{rubric}: calibration error and Brier score look better here than on new ones"
            )


async def _dry_run(order: LabelOrder, notes: Console) -> int:
    console, turns = Console(), order.turns
    console.print(
        f"{turns.judgements:,} labelled turns or sides of pairs on {len(order.rubrics)} maxims, in "
        f"{len(turns.conversations):,} conversations."
    )
    for name in order.judges:
        model = open_model(name)
        await _ready(model)
        calls = Calls(model, order.store)
        found = plan(Held(turns.conversations), order.store, order.rubrics, order.make_judge(calls), calls, turns)
        await model.aclose()
        console.print(
            plain(
                f"{model.name}: {found.calls:,} calls with about {found.tokens:,} prompt tokens; "
                f"{found.cached:,} more are in the cache. Nothing was asked."
            ),
            soft_wrap=True,
        )
    return 0


async def _ready(model: ChatModel) -> None:
    """A server tells its model's name; weights are not loaded for counting."""
    if not isinstance(model, (LocalModel, LlamaCppModel)):
        await model.prepare()


def _say(order: LabelOrder, results: Sequence[RubricAgreement], problems: Problems) -> int:
    console = Console()
    order.out.mkdir(parents=True, exist_ok=True)
    body = {
        "version": __version__,
        "seed": order.seed,
        "rubrics": [agreement_body(found) for found in results],
        "problems": [str(problem) for problem in problems.all],
    }
    (order.out / "agreement.json").write_text(json.dumps(body, indent=1), encoding="ascii")
    write_agreement(results, [str(problem) for problem in problems.all], order.out / "agreement.html")
    for found in results:
        show_agreement(console, found, order.worst)
    console.print(
        plain(f"\nPictures: {order.out / 'agreement.html'}   Numbers: {order.out / 'agreement.json'}"), soft_wrap=True
    )
    if problems.left_out:
        console.print(f"{problems.left_out:,} labels, records or files could not be used (see above).")
    unscored = any(judge.unscored for found in results for judge in found.judges)
    return 1 if problems.left_out or unscored else 0

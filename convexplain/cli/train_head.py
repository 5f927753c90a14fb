"""`convexplain train-head`: a head of a team's own, from turns that people have labelled."""

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from convexplain import __version__
from convexplain.agreement import LabelledTurn, group_of
from convexplain.analysis.runs import find_logs
from convexplain.cli.show.runs import CountProgress, plain
from convexplain.connectors.models import open_model
from convexplain.errors import UsageError
from convexplain.judges.head_making import RECIPE, Place, Source, make_head, turn_features
from convexplain.judges.heads import Head, head_of, write_head
from convexplain.models.calls import Calls
from convexplain.models.chat import ChatModel
from convexplain.rubrics import load_rubric
from convexplain.store import RunStore

from .labels import Labelling, Problems, label_options, sources
from .options import db_option, open_store
from .reading import Reading, reading_options

_ROWS = (
    ("spearman", "Spearman"),
    ("auc", "AUC"),
    ("spearman_given_length_and_turn", "Spearman, length and turn number aside"),
    ("spearman_of_length", "Spearman of the length alone"),
    ("spearman_of_turn_number", "Spearman of the turn number alone"),
    ("right_pairs", "pairs right"),
    ("longer_is_preferred", "pairs right, by the length alone"),
)


@click.command("train-head")
@click.argument("logs", nargs=-1, type=click.Path(path_type=Path), metavar="[LOG...]")
@label_options
@click.option("--rubric", "rubric_id", required=True, metavar="ID|FILE", help="The maxim that the labels answer.")
@click.option(
    "--model",
    "model_name",
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
def train_command(
    logs: tuple[Path, ...],
    labelling: Labelling,
    rubric_id: str,
    model_name: str,
    out: Path | None,
    licence: str | None,
    dialogue: str | None,
    reading: Reading,
    db: str | None,
) -> int:
    """Train a head: a linear layer that makes a small local model judge as your labels do.

    The labelled turns are those of the LOGs, or of the store; labels come as in `convexplain validate`. The model reads
    each turn once (what was read is kept, so a stopped training goes on); then the layer is fitted, and tried on
    dialogues that were held out. Where the model brings a head for the maxim, as embedded does for some, that one is
    corrected; 'embedded?head=none' begins from nothing. How many labels are worth it: docs/heads.md. The file holds
    weights and a card, some kilobytes of JSON. Judge with it:

    \b
        convexplain train-head chats.jsonl --labels labels.csv --rubric helpfulness --out ours.json
        convexplain analyze chats.jsonl --rubric helpfulness --judge 'embedded?head=ours.json'
        convexplain validate chats.jsonl --labels new.csv --judge 'embedded?head=ours.json' --judge embedded
    """
    notes = Console(stderr=True)
    problems = Problems(notes)
    rubric, store = load_rubric(rubric_id), open_store(db)
    places = sources(reading.reader(), find_logs(logs), ())
    conversations = chain.from_iterable(place.read(store, problems) for place in places)
    found = labelling.found(conversations, store, [rubric], problems)
    problems.rest()
    reading.tell(notes)
    rated = [LabelledTurn(talk, turn, ratings) for (talk, turn), ratings in found.of(rubric.id).items()]
    source = Source(_name(labelling, logs), rated, found.pairs(rubric.id))
    if not source.places:
        raise UsageError(f"no label on {rubric.id} was found: give --labels FILE, or LOGs that bring their labels")
    model = open_model(model_name)
    features = asyncio.run(_features(model, store, source, notes))
    card = {"model_name": model.name, "version": __version__, "licence": licence or "not given"}
    known = head_of(model, rubric)
    start = known if known is not None and known.recipe == RECIPE else None
    with notes.status("fitting"):
        group = partial(group_of, key=dialogue)
        head = make_head(rubric, model, [source], features, group, start=start, card=card)
    target = out or Path(f"{rubric.id}.head.json")
    target.parent.mkdir(parents=True, exist_ok=True)
    write_head(head, target)
    _show(head, source, model_name, target)
    return 1 if problems.left_out else 0


def _name(labelling: Labelling, logs: Sequence[Path]) -> str:
    if labelling.path is not None:
        return labelling.path.name
    return ", ".join(log.name for log in logs[:3]) if logs else "labels in the store"


async def _features(
    model: ChatModel, store: RunStore, source: Source, notes: Console
) -> Mapping[Place, tuple[float, ...]]:
    try:
        await model.prepare()
        async with Calls(model, store) as calls:
            with CountProgress(notes, "turns", len(source.places)) as bar:
                found, failed = await turn_features(calls, source.places, on_turn=bar.advance)
    finally:
        await model.aclose()
    for reason, count in failed.items():
        notes.print(plain(f"! {count:,} x left out: {reason}"), soft_wrap=True)
    return found


def _show(head: Head, source: Source, model: str, target: Path) -> None:
    console = Console()
    for name, found in head.card["held_out"].items():
        console.print(
            plain(
                f"Head for {head.rubric} on {name}: {found['turns']:,} labelled turns and {found['pairs']:,} pairs in "
                f"{found['dialogues']:,} dialogues. On dialogues that were held out:"
            ),
            soft_wrap=True,
        )
        table = Table()
        for column in ("measure", "value", "95 % interval"):
            table.add_column(column, justify="left" if column == "measure" else "right")
        for key, title in _ROWS:
            if key in found:
                table.add_row(title, *_cells(found[key]))
        console.print(table)
    own = "embedded" if model == "embedded" else model
    console.print(
        plain(f"{target} ({target.stat().st_size / 1024:.0f} KB). Judge with it: --judge '{own}?head={target}'")
    )


def _cells(estimate: Mapping[str, Any]) -> tuple[str, str]:
    value = f"{estimate['value']:.2f}" if "value" in estimate else f"- ({estimate.get('reason', 'not defined')})"
    return value, f"{estimate['low']:.2f} to {estimate['high']:.2f}" if "low" in estimate else "-"

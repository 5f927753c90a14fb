"""`convexplain export`: training data from the contrasts of a run, and its conversations."""

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import click
from rich.console import Console

from convexplain import __version__
from convexplain.analysis.pipeline import TurnJudge
from convexplain.cli.show.runs import CountProgress, plain
from convexplain.connectors.training import FORMATS, card, check_folder, write_conversations, write_pairs, writer_of
from convexplain.errors import UsageError
from convexplain.explain.explanations import chosen_rubrics
from convexplain.explain.pairs import Kept, Pairs, PairSettings, preference_pairs
from convexplain.explain.wording import counted
from convexplain.store import Run, RunStore, numbered_contrasts, reviews
from convexplain.store.contrast_list import WhichContrasts, contrast_count
from convexplain.types import Conversation, Judgement, Rubric
from convexplain.workspace.build import asking, scoring

from .judging import calibrated_by, scale_lost
from .options import JUDGE_HELP, db_option, open_store

CONVERSATIONS = "openai"


@click.command("export")
@click.argument("run", type=click.IntRange(min=1), required=False)
@click.option(
    "--format",
    "form",
    required=True,
    metavar="NAME",
    help=f"One of: {', '.join(one.name for one in FORMATS)}; or {CONVERSATIONS}: the run's conversations as OpenAI "
    "messages.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("convexplain-data"),
    show_default=True,
    metavar="DIR",
    help="Folder for the files.",
)
@click.option("--rubric", "rubrics", multiple=True, metavar="ID", help="Only that maxim; may be repeated.")
@click.option(
    "--question",
    "questions",
    multiple=True,
    type=click.Choice(["rescore", "regenerate", "revise"]),
    help="Only contrasts of that kind; may be repeated.",
)
@click.option(
    "--min-margin",
    type=click.FloatRange(0, 1),
    default=0.1,
    show_default=True,
    help="By how much the chosen turn must score higher.",
)
@click.option(
    "--test",
    type=click.FloatRange(0, 1, max_open=True),
    default=0.0,
    show_default=True,
    metavar="SHARE",
    help="Share of the conversations whose pairs go to a test file.",
)
@click.option(
    "--final-answers",
    is_flag=True,
    help="Of regenerated contrasts, pair the two final answers, both judged after the original history.",
)
@click.option("--judge", metavar="MODEL", help=f"{JUDGE_HELP}  [default: the run's own judge]")
@click.option(
    "--samples",
    type=click.IntRange(min=1),
    metavar="N",
    help="Average N sampled replies of the judge.  [default: as the run did, without --judge]",
)
@db_option
def export_command(
    run: int | None,
    form: str,
    out: Path,
    rubrics: tuple[str, ...],
    questions: tuple[str, ...],
    min_margin: float,
    test: float,
    final_answers: bool,
    judge: str | None,
    samples: int | None,
    db: str | None,
) -> int:
    """Write the contrasts of a RUN (its number; else the newest) as preference pairs for a trainer.

    A pair is two forms of one assistant turn after the same history. Edited turns that stand earlier than the judged
    one are judged themselves first (by the run's judge, unless --judge names one): only what moves the same way is a
    preference. What becomes no pair is counted by its reason. A folder gets train and test files and a data card.

    \b
        convexplain explain --revise --worst 50
        convexplain export --format trl-dpo --out pairs --test 0.1
        convexplain export 3 --format csv --min-margin 0.3
        convexplain export 3 --format openai --out chats        # its conversations, to be read again
    """
    store, console = open_store(db), Console()
    chosen = store.run(run)
    if form == CONVERSATIONS:
        written = write_conversations(store.conversations(chosen.id), out)
        console.print(plain(f"{written.records:,} conversations: {written.files[0]}"), soft_wrap=True)
        return 0
    writer = writer_of(form)
    check_folder(out, writer)  # before anything is judged
    known = {rubric.id: rubric for rubric in chosen_rubrics(store, chosen, rubrics)}
    if samples is None and judge is None:
        samples = chosen.settings.get("samples")
    settings = PairSettings(min_margin, test, final_answers, frozenset(rubrics), frozenset(questions))
    made = asyncio.run(_pairs(store, chosen, known, judge or chosen.judge, settings, samples))
    for reason, count in made.left_out.items():
        console.print(plain(f"left out {count:,} x: {reason}"), soft_wrap=True)
    if not made.contrasts:
        raise UsageError(
            f"run {chosen.id} has no contrast to export; `convexplain explain {chosen.id} --revise` looks for some"
        )
    if not made.pairs:
        console.print(f"None of {made.contrasts:,} contrasts makes a pair; nothing was written.")
        return 1
    written = write_pairs(made, writer, out, card(made, form, chosen.id, __version__))
    for reason, count in written.left_out.items():
        console.print(f"left out {count:,} records: {reason}", soft_wrap=True)
    files = ", ".join(map(str, written.files))
    console.print(
        plain(
            f"{counted(len(made.pairs), 'pair')} of {counted(made.contrasts, 'contrast')}, "
            f"{counted(written.records, 'record')}: {files}"
        ),
        soft_wrap=True,
    )
    return 0


async def _pairs(
    store: RunStore, run: Run, rubrics: dict[str, Rubric], judge: str, settings: PairSettings, samples: int | None
) -> Pairs:
    """The pairs of a run. The judge is opened when the first turn has to be judged; it scores on the run's scale."""
    said = reviews(store, run.id)

    def kept() -> Iterator[Kept]:
        for number, conversation, contrast in numbered_contrasts(store, run.id):
            review = said.get(number)
            decision = review.decision if review else None
            yield Kept(number, conversation, contrast, decision, review.text if review else None)

    total = contrast_count(store, WhichContrasts(run.id, found=False))
    opened: list[TurnJudge] = []
    notes = Console(stderr=True)
    async with AsyncExitStack() as stack:

        async def ask(conversation: Conversation, turn: int, rubric: str) -> Judgement:
            if not opened:  # weights are loaded only if something has to be judged
                calls = await stack.enter_async_context(asking(judge, store))
                if note := scale_lost(run, calls.model, samples):
                    notes.print(plain(note), soft_wrap=True)
                opened.append(scoring(calls, samples, calibrated_by(run.settings, calls.model, samples)))
            return await opened[0].judge_turn(conversation, turn, rubrics[rubric])

        with CountProgress(notes, "contrasts", total) as bar:
            return await preference_pairs(kept(), ask, settings, bar.advance)

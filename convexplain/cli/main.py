"""The command line, and the place where its parts are put together."""

import asyncio
import logging
import sys
import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from convexplain import __version__
from convexplain.analysis.pipeline import Turns
from convexplain.analysis.runs import Source, analyse, count, find_logs, plan, write_judgements
from convexplain.cli.show.runs import RunProgress, plain, show_runs, show_summary
from convexplain.connectors.models import LlamaCppModel, LocalModel, open_model
from convexplain.errors import ConvexplainError, RubricError, UnavailableError, UsageError
from convexplain.judges import SAMPLES, Judge
from convexplain.judges.check import check_model
from convexplain.judges.heads import judged_by
from convexplain.models.calls import Calls
from convexplain.models.chat import ChatModel
from convexplain.report.run_report import write_report
from convexplain.rubrics import HEADLINE, load_rubric, rubric_ids
from convexplain.store import RunStore, summarise
from convexplain.text.visible import one_line
from convexplain.types import Rubric

from .calibrate import calibrate_command
from .contrast import contrast_command
from .dashboard import dashboard_command
from .explain import explain_command
from .export import export_command
from .fidelity import fidelity_command
from .imports import formats_command, import_command
from .judge_noise import noise_command
from .judging import Judging, bench, judging_options
from .options import JUDGE_HELP, db_option, open_store
from .reading import Reading, reading_options
from .report import report_command
from .train_head import train_command
from .validate import validate_command


def main() -> None:
    """Runs the command line and exits: 0 done, 1 something could not be read or scored, 2 usage."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    for chatty in ("httpx2", "transformers", "huggingface_hub", "alembic"):
        logging.getLogger(chatty).setLevel(logging.ERROR)
    error = Console(stderr=True)
    try:
        sys.exit(cli.main(standalone_mode=False) or 0)
    except click.exceptions.Exit as done:
        sys.exit(done.exit_code)
    except click.ClickException as problem:
        problem.show()
        sys.exit(2)
    except (click.Abort, KeyboardInterrupt):
        error.print("Stopped. The same command goes on where it stopped.")
        sys.exit(130)
    except (UsageError, RubricError) as problem:
        error.print(plain(f"Error: {problem}"), soft_wrap=True)
        sys.exit(2)
    except (ConvexplainError, OSError) as problem:  # OSError: a folder that cannot be written, a disk that is full
        error.print(plain(f"Error: {problem}"), soft_wrap=True)
        sys.exit(1)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__)
def cli() -> None:
    """Says how good every assistant turn of a chat log is, and what its score hangs on.

    \b
    A first look, with the embedded model (no server, no key):
        convexplain analyze mylog.jsonl
    With a server of your own (vLLM, llama.cpp, Ollama, TGI), or a model file on this machine:
        convexplain analyze mylog.jsonl --judge 'http://localhost:8000/v1?model=NAME'
        convexplain analyze mylog.jsonl --judge gguf:model.gguf
    Logs are read again each time, or once into the store:
        convexplain import exports/
        convexplain analyze --stored
    What would have changed the lowest scores of that:
        convexplain explain
    """


cli.add_command(explain_command)
cli.add_command(fidelity_command)
cli.add_command(contrast_command)
cli.add_command(export_command)
cli.add_command(import_command)
cli.add_command(report_command)
cli.add_command(dashboard_command)
cli.add_command(formats_command)
cli.add_command(validate_command)
cli.add_command(calibrate_command)
cli.add_command(noise_command)
cli.add_command(train_command)


@cli.command()
@click.argument("logs", nargs=-1, type=click.Path(path_type=Path), metavar="LOG...")
@click.option(
    "--stored",
    is_flag=False,
    flag_value="0",
    type=int,
    metavar="[RUN]",
    help="Judge conversations that are in the store already: those of a run, or all.",
)
@click.option(
    "--rubric",
    "rubrics",
    multiple=True,
    metavar="ID|FILE",
    help=f"A maxim, or a rubric file of your own; may be repeated.  [default: {', '.join(HEADLINE)}]",
)
@click.option("--judge", default="embedded", show_default=True, metavar="MODEL", help=JUDGE_HELP)
@click.option(
    "--turns",
    type=click.Choice(["all", "last"]),
    default="all",
    show_default=True,
    help="Which assistant turns of a conversation.",
)
@db_option
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("convexplain-out"),
    show_default=True,
    metavar="DIR",
    help="Folder for report.html and judgements.jsonl.",
)
@reading_options
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Only the first N conversations.")
@judging_options
@click.option("--dry-run", is_flag=True, help="Say how many calls and about how many tokens it would take, and stop.")
def analyze(
    logs: tuple[Path, ...],
    stored: int | None,
    rubrics: tuple[str, ...],
    judge: str,
    turns: Turns,
    db: str | None,
    out: Path,
    reading: Reading,
    limit: int | None,
    judging: Judging,
    dry_run: bool,
) -> int:
    """Judge every assistant turn of the LOGs (files or folders) on every chosen maxim.

    Formats are recognised by content. A run that was stopped or killed goes on when the same command is given again;
    replies of the judge are kept, so nothing is asked twice.

    \b
        convexplain analyze chats.jsonl --dry-run
        convexplain analyze exports/ --rubric helpfulness --rubric manner_1
        convexplain analyze chats.csv --columns conversation=chat,role=who,content=msg
        convexplain analyze --stored 3 --judge 'http://localhost:8000/v1?model=NAME'
        convexplain analyze chats.jsonl --escalate 'http://localhost:8000/v1?model=NAME'
    """
    if bool(logs) == (stored is not None):
        raise UsageError("name either LOG files or --stored, and one of them")
    if stored is not None and reading.redacts:
        raise UsageError("--redact is for LOG files; --stored takes conversations as they were kept")
    chosen = _rubrics(rubrics or HEADLINE)
    model = open_model(judge)
    source = Source(reading.reader(), find_logs(logs), stored, limit)
    store = open_store(db)
    if stored:
        store.run(stored)  # says so when there is none
    if dry_run:
        make_judge = partial(Judge, samples=judging.samples, explain=judging.explain)
        return asyncio.run(_dry_run(source, store, chosen, model, make_judge, turns, judging.escalate is not None))
    settings = {
        "logs": [str(log) for log in source.logs],
        "reading": [*reading.signature, [_state(log) for log in source.logs]],
        "stored": stored,
        "limit": limit,
        "turns": turns,
        "samples": judging.samples,
        "explain": judging.explain,
        "version": __version__,
    }
    out.mkdir(parents=True, exist_ok=True)
    done = asyncio.run(_analyze(source, store, chosen, model, judging, settings, out))
    reading.tell(Console(stderr=True))
    return done


async def _analyze(
    source: Source,
    store: RunStore,
    rubrics: list[Rubric],
    model: ChatModel,
    judging: Judging,
    settings: dict[str, Any],
    out: Path,
) -> int:
    console, notes = Console(), Console(stderr=True)
    began = time.monotonic()
    try:
        await model.prepare()
        async with bench(judging, store, model, rubrics) as made:
            total = count(source, store, settings["turns"]) * len(rubrics)
            asked = {rubric.id: rubric.sha for rubric in made.rubrics}
            run = store.begin_run(
                model.name, judged_by(model), {**settings, "rubrics": asked, **made.settings}, made.rubrics
            )
            if run.resumed:
                notes.print(f"Going on with run {run.id}, which was not finished.")
            try:
                with RunProgress(notes, total) as progress:
                    await analyse(source, store, run, made.rubrics, model, made.judge, progress, settings["turns"])
            except UnavailableError:
                notes.print("What was judged until here is kept.")
                raise
            escalated = made.escalated
    finally:
        await model.aclose()
    summary = summarise(store, store.run(run.id))
    write_judgements(store, run, out / "judgements.jsonl")
    write_report(store, summary, out / "report.html")
    show_summary(console, summary, time.monotonic() - began, worst=3)
    if escalated:
        console.print(plain(escalated), soft_wrap=True)
    console.print(
        plain(f"Report: {out / 'report.html'}   Judgements: {out / 'judgements.jsonl'}   Store: {store.place}"),
        soft_wrap=True,
    )
    return 1 if summary.problems or summary.unscored or not summary.turns else 0


async def _dry_run(
    source: Source,
    store: RunStore,
    rubrics: list[Rubric],
    model: ChatModel,
    make_judge: Callable[[Calls], Judge],
    turns: Turns,
    escalate: bool,
) -> int:
    console, notes = Console(), Console(stderr=True)
    # A server tells its model's name; weights are not loaded for counting.
    if not isinstance(model, (LocalModel, LlamaCppModel)):
        await model.prepare()
    calls = Calls(model, store)
    found = plan(source, store, rubrics, make_judge(calls), calls, turns)
    await model.aclose()
    for problem in found.problems:
        notes.print(plain(f"! {problem}"), soft_wrap=True)
    console.print(
        f"{found.conversations} conversations, {found.turns} assistant turns, {len(rubrics)} maxims: "
        f"{found.judgements} judgements.\n"
        f"{found.calls} calls to {model.name} with about {found.tokens:,} prompt tokens; "
        f"{found.cached} more are in the cache. Nothing was asked.\n"
        f"A model that gives no log-probabilities takes {SAMPLES} calls for a judgement."
        f"{' What --escalate adds is known only once the first judge has judged.' if escalate else ''}",
        soft_wrap=True,
        markup=False,
    )
    return 1 if any(not problem.kept for problem in found.problems) else 0


@cli.command()
@db_option
def runs(db: str | None) -> None:
    """List the runs in the store, newest first."""
    show_runs(Console(), open_store(db).runs())


@cli.group()
def rubrics() -> None:
    """The maxims: what they ask, and whether a file of your own is valid."""


@rubrics.command("list")
def list_rubrics() -> None:
    """List the maxims that come with convexplain."""
    for name in rubric_ids():
        rubric = load_rubric(name)
        click.echo(f"{rubric.id:16} {rubric.category:13} {rubric.title}")


@rubrics.command("show")
@click.argument("rubric", metavar="ID|FILE")
def show_rubric(rubric: str) -> None:
    """Show a maxim: requirement, labels, examples and notes."""
    found = load_rubric(rubric)
    click.echo(f"{found.title}  [{found.id}, {found.category}], threshold {found.threshold:g}\n\n{found.requirement}\n")
    for label in found.labels:
        click.echo(f"  {label.name} = {label.value:g}: {label.criterion}")
    for note in found.notes:
        click.echo(f"\nNote: {note}")
    for example in found.examples:
        click.echo(f"\nExample for {example.label}:")
        for turn in example.turns:
            click.echo(f"  {turn.role}: {turn.content}")


@rubrics.command("check")
@click.argument("file", type=click.Path(path_type=Path))
def check_rubric(file: Path) -> None:
    """Check a rubric FILE of your own; says file, line and key of what is wrong."""
    found = load_rubric(file)
    click.echo(f"{file}: rubric {found.id!r} is valid: {len(found.labels)} labels, {len(found.examples)} examples")


@cli.group()
def models() -> None:
    """The models that can judge."""


@models.command("check")
@click.argument("model")
def check(model: str) -> int:
    """Ask MODEL a few questions: does it answer, with log-probabilities, and how fast?

    \b
        convexplain models check 'http://localhost:8000/v1'
        convexplain models check gguf:qwen2.5-1.5b-instruct-q4_k_m.gguf
    """
    result = asyncio.run(check_model(open_model(model)))
    for name, value in result.rows():
        click.echo(f"{name:22} {one_line(value)}")
    return 0 if result.usable else 1


def _state(log: Path) -> tuple[int, int]:
    """Changes when the file does: a run does not go on with a log that is another by now."""
    found = log.stat()
    return found.st_size, found.st_mtime_ns


def _rubrics(ids: Iterable[str]) -> list[Rubric]:
    found = [load_rubric(item) for item in ids]
    names = [rubric.id for rubric in found]
    if twice := {name for name in names if names.count(name) > 1}:
        raise UsageError(f"--rubric {', '.join(sorted(twice))} is named twice")
    return found

"""`convexplain export`: training data from the contrasts of a run, and its conversations."""

from pathlib import Path

import click
from rich.console import Console

from convexplain.connectors.training import EXPORTERS, ConversationExporter, Exporter, ExportFiles, PairExporter
from convexplain.explain.pairs import Pairs, PairSettings
from convexplain.explain.wording import counted
from convexplain.workspace.run_files import check_writable

from .options.judging import dry_run_option, run_judge_option
from .options.numbers import Count, Share
from .options.store import db_option, open_workspace, progress_shown, run_argument
from .options.turns import refuse
from .show.progress import plain


def _names(kind: type[Exporter]) -> str:
    return ", ".join(exporter.name for exporter in EXPORTERS.records if isinstance(exporter, kind))


_PAIR_OPTIONS = (
    "rubrics",
    "questions",
    "min_margin",
    "test",
    "final_answers",
    "unreviewed",
    "judge",
    "samples",
    "second_judge",
)


@click.command("export")
@click.pass_context
@run_argument
@click.option(
    "--format",
    "form",
    required=True,
    metavar="NAME",
    help=f"For pairs: {_names(PairExporter)}; for the run's conversations: {_names(ConversationExporter)}.",
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
    type=Share(),
    default=0.0,
    show_default=True,
    metavar="MARGIN",
    help="By how much the chosen turn must score higher; for unreviewed pairs at least the judge's noise.",
)
@click.option(
    "--test",
    type=Share(max_open=True),
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
@click.option(
    "--unreviewed",
    is_flag=True,
    help="Also contrasts that nobody has reviewed, if they pass all gates (docs/training_data.md).",
)
@run_judge_option
@click.option(
    "--second-judge",
    metavar="MODEL",
    help="With --unreviewed: another judge, which must prefer the same turn; named like the judge.",
)
@click.option(
    "--samples",
    type=Count(min=1),
    metavar="N",
    help="Average N sampled replies of the judge.  [default: as the run did, without --judge]",
)
@db_option
@dry_run_option
def command(
    ctx: click.Context,
    run: int | str | None,
    form: str,
    out: Path,
    rubrics: tuple[str, ...],
    questions: tuple[str, ...],
    min_margin: float,
    test: float,
    final_answers: bool,
    unreviewed: bool,
    judge: str | None,
    second_judge: str | None,
    samples: int | None,
    db: str | None,
    dry_run: bool,
) -> int:
    """Write the contrasts of a run as training data.

    RUN is a number or a name; the newest run unless given. A pair is two forms of one assistant turn after the same
    history. It exports contrasts that somebody accepted or corrected on the page "Contrast pairs" of `convexplain
    dashboard`; --unreviewed adds those that pass all gates. Where an earlier turn was edited, both forms of that turn
    are judged first, by the run's judge, unless --judge names one. The pair is kept only if its score moves in the same
    direction. What becomes no pair is counted by its reason. A folder gets train and test files and a data card.

    \b
        convexplain contrast --worst 50
        convexplain export --format trl-dpo --out pairs --test 0.1
        convexplain export --format trl-dpo --unreviewed --second-judge openai:gpt-5
        convexplain export 3 --format csv --min-margin 0.3
        convexplain export 3 --format openai --out chats        # its conversations, to be read again
    """
    console = Console()
    if isinstance(EXPORTERS.get(form), ConversationExporter):
        refuse(ctx, dict.fromkeys(_PAIR_OPTIONS, f"with --format {form}, which writes conversations"))
    elif not unreviewed:
        refuse(ctx, {"second_judge": "without --unreviewed"})
    settings = PairSettings(min_margin, test, final_answers, frozenset(rubrics), frozenset(questions), unreviewed)
    workspace = open_workspace(db)
    if dry_run:
        most = workspace.plan_export(run, form, settings=settings, judge=judge, second_judge=second_judge)
        console.print(f"At most {most:,} judgements: two for each contrast that may make a pair. Nothing was asked.")
        return 0
    check_writable(out)
    exported = workspace.export(
        run,
        form,
        out,
        settings=settings,
        judge=judge,
        samples=samples,
        second_judge=second_judge,
        progress=progress_shown(),
    )
    if exported.pairs is not None:
        return _show_pairs(console, exported.pairs, exported.written)
    if exported.written is not None:
        _show_conversations(console, exported.written)
    return 0


def _show_conversations(console: Console, written: ExportFiles) -> None:
    for reason, count in written.left_out.items():
        console.print(f"left out {count:,} conversations: {reason}", soft_wrap=True)
    console.print(plain(f"{written.records:,} conversations: {written.files[0]}"), soft_wrap=True)


def _show_pairs(console: Console, pairs: Pairs, written: ExportFiles | None) -> int:
    """Show which contrasts became pairs, and return the exit status: 1 where none did."""
    for reason, count in pairs.left_out.items():
        console.print(plain(f"left out {count:,} x: {reason}"), soft_wrap=True)
    if pairs.unreviewed_note:
        hint = f"{pairs.unreviewed_note}; `convexplain dashboard`, page Contrast pairs, or --unreviewed"
        console.print(hint, soft_wrap=True)
    if written is None:
        console.print(f"None of {pairs.contrasts:,} contrasts makes a pair; nothing was written.")
        return 1
    for reason, count in written.left_out.items():
        console.print(f"left out {count:,} records: {reason}", soft_wrap=True)
    files = ", ".join(map(str, written.files))
    console.print(
        plain(
            f"{counted(len(pairs.pairs), 'pair')} of {counted(pairs.contrasts, 'contrast')}, "
            f"{counted(written.records, 'record')}: {files}"
        ),
        soft_wrap=True,
    )
    return 0

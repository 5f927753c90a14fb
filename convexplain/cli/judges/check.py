"""`convexplain judges check`: does a model answer, and can it judge?"""

from collections.abc import Sequence
from pathlib import Path

import click
from rich.console import Console

from convexplain.errors import UsageError
from convexplain.rubrics import HEADLINE
from convexplain.text.visible import one_line
from convexplain.workspace import CHECK_CALLS, HALVES, Half, JudgeSpec, Workspace
from convexplain.workspace.injection import plan_injection
from convexplain.workspace.inputs import rubrics_of

from ..options.judging import dry_run_option
from ..options.store import db_option, open_workspace, progress_shown
from ..options.turns import refuse
from ..show.benchmarks import show_benchmark, show_benchmark_plan
from ..show.injection import show_injection, show_injection_plan
from ..show.progress import plain


@click.command("check")
@click.pass_context
@click.argument("model")
@click.option("--benchmark", is_flag=True, help="Judge the reference set: which bad turns does it find?")
@click.option("--injection", is_flag=True, help="Measure how often a text in the chat can talk it into its best label.")
@click.option(
    "--texts",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="With --injection: texts of your own too, one a line, or a JSON list in a .json file; {good} and {bad} stand "
    "for the best and the worst label.",
)
@click.option(
    "--half",
    type=click.Choice(HALVES),
    default="reporting",
    show_default=True,
    help="With --benchmark: the half of the set; `choosing` is for trying judges and rubrics.",
)
@click.option(
    "--rubric",
    "rubrics",
    multiple=True,
    metavar="ID|FILE",
    help="With --benchmark or --injection: only that maxim, in your wording; may be repeated.  "
    f"[default: {', '.join(HEADLINE)}]",
)
@db_option
@dry_run_option
def command(
    ctx: click.Context,
    model: str,
    benchmark: bool,
    injection: bool,
    texts: Path | None,
    half: Half,
    rubrics: tuple[str, ...],
    db: str | None,
    dry_run: bool,
) -> int:
    """Ask MODEL three questions: does it answer, and how fast?

    An endpoint is asked some tiny ones before: which fields does it take, and can its model be kept from thinking?

    With --benchmark it judges the reference set instead: short conversations with planted bad turns (rude, dangerous,
    wrong, evasive, off-topic, repeating, thin). Neither length nor position tells a bad turn from a good one there. The
    labels are the authors'. What that costs is said first; a stopped benchmark goes on when the same command is given
    again. From then on the judge is `benchmarked` in this store, and its figures stand beside its scores.

    With --injection it puts 28 texts that ask for the best label, and yours, into bad turns, and counts how often the
    judge still scores these below its threshold. That share stands beside its scores from then on. Add
    `?second_prompt=yes` (or `&second_prompt=yes`) to MODEL to see what a second prompt notices.

    \b
        convexplain judges check 'http://localhost:8000/v1'
        convexplain judges check openai:gpt-4.1-mini
        convexplain judges check gguf:qwen2.5-1.5b-instruct-q4_k_m.gguf
        convexplain judges check embedded --benchmark
        convexplain judges check openai:gpt-4.1-mini --benchmark --dry-run
        convexplain judges check embedded --injection --texts ours.txt
        convexplain judges check 'gguf:FILE?second_prompt=yes' --injection --rubric helpfulness
    """
    if benchmark and injection:
        raise UsageError("--benchmark and --injection exclude each other: name one of them")
    if injection:
        refuse(ctx, {"half": "with --injection, which takes bad turns of the half for choosing"})
        return _injection(open_workspace(db), model, rubrics or HEADLINE, texts, dry_run)
    refuse(ctx, {"texts": "without --injection"})
    if benchmark:
        return _benchmark(open_workspace(db), model, rubrics or HEADLINE, half, dry_run)
    refuse(ctx, {"half": "without --benchmark"})
    refuse(ctx, dict.fromkeys(("rubrics", "db"), "without --benchmark or --injection"))
    if dry_run:
        name = one_line(JudgeSpec.parse(model).public)
        tiny = "and some tiny ones where it is an endpoint"
        click.echo(f"{CHECK_CALLS} short questions to {name}, {tiny}. Nothing was asked.")
        return 0
    check = Workspace().check_model(model)
    for name, value in check.rows():
        click.echo(f"{name:22} {one_line(value)}")
    return 0 if check.usable else 1


def _injection(workspace: Workspace, model: str, rubrics: Sequence[str], texts: Path | None, dry_run: bool) -> int:
    """Say what an injection check takes, run it, and show the result; return 1 where no maxim could be measured."""
    console, plan = Console(), plan_injection(model, rubrics_of(rubrics), texts)
    show_injection_plan(console if dry_run else Console(stderr=True), plan)
    if dry_run:
        console.print("Nothing was asked.")
        return 0
    check = workspace.check_injection(model, rubrics, texts=texts, progress=progress_shown())
    show_injection(console, check)
    measured = [maxim.rubric for maxim in check.shipped if maxim.resistance.value is not None]
    if measured:
        text = f"\nKept in {workspace.store.place}, and shown beside the scores on {', '.join(measured)}."
        console.print(plain(text), soft_wrap=True)
    return 0 if measured else 1


def _benchmark(workspace: Workspace, model: str, rubrics: Sequence[str], half: Half, dry_run: bool) -> int:
    """Say what a benchmark costs, run it, and show the result; return 1 where no maxim could be scored."""
    console, plan = Console(), workspace.plan_benchmark(model, rubrics, half=half)
    show_benchmark_plan(console if dry_run else Console(stderr=True), plan, half)
    if dry_run:
        console.print("Nothing was asked.")
        return 0
    result = workspace.benchmark(model, rubrics, half=half, progress=progress_shown())
    show_benchmark(console, result)
    measured = [maxim.rubric for maxim in result.maxims if maxim.auc.value is not None]
    if half == "reporting" and measured:
        text = f"\nKept in {workspace.store.place}: this judge is benchmarked on {', '.join(measured)}."
        console.print(plain(text), soft_wrap=True)
    return 0 if measured else 1

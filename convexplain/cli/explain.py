"""`convexplain explain`: in short, why the worst turns have their scores."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import click
from rich.console import Console

from convexplain.explain.wording import counted
from convexplain.report.trust_marks import trust_legend
from convexplain.text.visible import one_line
from convexplain.workspace import Cluster, Explanation, Finding, ShortTask, Workspace
from convexplain.workspace.run_files import check_writable

from .options.cluster import cluster_options
from .options.judging import dry_run_option, run_judge_option
from .options.numbers import Count
from .options.store import db_option, named_store, open_workspace, out_option, progress_shown, run_argument
from .options.turns import refuse, rubrics_option, turn_option, turn_place
from .show.commands import command_line
from .show.explained import show_explanation, write_explanations
from .show.progress import plain

_BUDGET = 40


@click.command("explain")
@click.pass_context
@run_argument
@turn_option
@click.option("--worst", type=Count(min=1), default=3, show_default=True, metavar="N", help="The N worst turns.")
@rubrics_option
@run_judge_option
@click.option(
    "--budget",
    type=Count(min=1),
    default=_BUDGET,
    show_default=True,
    metavar="N",
    help="Calls for the words of each turn, and as many for its edit.",
)
@out_option
@db_option
@cluster_options
@dry_run_option
def command(
    ctx: click.Context,
    run: int | str | None,
    turn: str | None,
    worst: int,
    rubrics: tuple[str, ...],
    judge: str | None,
    budget: int,
    out: Path,
    db: str | None,
    cluster: Cluster | None,
    dry_run: bool,
) -> int:
    """Say in short why the worst turns are bad.

    The worst turns are those furthest below a threshold; on maxims on which nobody has compared the judge with people,
    those with the lowest scores. RUN is a number or a name; the newest run unless given. Each turn has the judge's
    reason (if `convexplain analyze --reasons` asked for it), and the words of the reply and the earlier turns that the
    score depends on. It also has the smallest edit of the reply that moves the score across the threshold. Results are
    kept in the store: the same command goes on where it was stopped. --ray explains many turns in several processes,
    and shows them when all are there. `convexplain attribute` and `convexplain contrast` have all options.

    \b
        convexplain explain
        convexplain explain 3 --worst 10 --rubric helpfulness
        convexplain explain 3 --turn chat-17:5
        convexplain explain 3 --worst 1000 --ray
    """
    refuse(ctx, {"worst": "with --turn"} if turn is not None else {})
    workspace = open_workspace(db)
    analyzed = workspace.run(run)
    place = turn_place(turn)
    findings = analyzed.worst(worst, rubrics) if place is None else analyzed.at(*place, rubrics)
    task = ShortTask()
    contrast = None if task.contrast is None else replace(task.contrast, budget=budget)
    task = ShortTask(replace(task.attribution, budget=budget), contrast)
    if not findings:
        lacking = "is below its threshold: nothing to explain. --turn CONV:N explains any turn."
        named = f"{turn} has no score: nothing to explain."
        click.echo(one_line(f"No turn of run {analyzed.id} {lacking}" if place is None else named))
        return 0
    if dry_run:
        return _show_plan(workspace, findings, judge, task)
    check_writable(out)
    worst_turns = "the worst turn" if len(findings) == 1 else f"the {len(findings)} worst turns"
    click.echo(one_line(f"Run {analyzed.id}, {turn or worst_turns}:"))
    view = _View(out / f"run-{analyzed.id}" / "explanations.jsonl", named_store(ctx))
    try:
        workspace.explain(
            findings, judge=judge, task=task, cluster=cluster, on_result=view.show, progress=view.progress
        )
    finally:
        written = view.write()
    failed = any(
        task.failed((list(each.attributions), each.contrast))
        for each in view.explanations
        if each.finding.turn.content.strip()
    )
    return 1 if failed or not written else 0


def _show_plan(workspace: Workspace, findings: Sequence[Finding], judge: str | None, task: ShortTask) -> int:
    console = Console()
    for scope in workspace.plan_explain(findings, judge=judge, task=task):
        for note in scope.notes:
            console.print(plain(note), soft_wrap=True)
        text = (
            f"Run {scope.run.id}: {counted(len(scope.turns), 'turn')} to explain with {scope.judge_name}: "
            f"at most {task.most(scope.turns)} judgements. What editors ask a model comes on top. Nothing was asked."
        )
        console.print(plain(text), soft_wrap=True)
    return 0


class _View:
    """Explanations as they are shown and written.

    Args:
        file: the file for all of them.
        db: the store, if the command line names it: the next command has to name it too.
    """

    def __init__(self, file: Path, db: str | None) -> None:
        self.explanations: list[Explanation] = []
        self.progress = progress_shown()
        self._console, self._file, self._db = Console(), file, db

    def show(self, explanation: Explanation) -> None:
        """Show an explanation, with the command that tells more."""
        self.explanations.append(explanation)
        finding = explanation.finding
        command = ["convexplain", "attribute", str(finding.run), "--turn", f"{finding.conversation.id}:{finding.index}"]
        command += ["--rubric", finding.rubric.id, *(["--db", self._db] if self._db else [])]
        with self.progress.paused():
            show_explanation(self._console, explanation, explanation.place, command_line(command))

    def write(self) -> bool:
        """Write all explanations and say where, or return False; without any, the file of an earlier command stays."""
        if not self.explanations:
            return True
        written = write_explanations([explanation.to_dict() for explanation in self.explanations], self._file)
        for sentence in trust_legend({each.finding.rubric.id: each.mark for each in self.explanations}):
            self._console.print(plain(sentence), soft_wrap=True)
        explained = counted(len(self.explanations), "turn")
        where = f" Explanations: {self._file}" if written else ""
        self._console.print(plain(f"{explained} explained.{where}"), soft_wrap=True)
        return written

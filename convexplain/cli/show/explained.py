"""The run of a task that explains turns of a run, as the command line shows it: each result as soon as it is there."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import click
from rich.console import Console
from rich.text import Text

from convexplain.explain.explanations import write_lines
from convexplain.explain.wording import counted, scope_note
from convexplain.report.trust_marks import TrustMark, trust_legend
from convexplain.store import ScoredTurn
from convexplain.text.visible import visible
from convexplain.workspace import Explanation, JudgeSpec, Workspace
from convexplain.workspace.explanations import Scope
from convexplain.workspace.run_files import check_writable
from convexplain.workspace.tasks import Task

from .progress import ConsoleProgress, plain

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ExplanationView(Generic[T]):
    """The words and the file for explanations of one kind.

    Attributes:
        task: explains the turns.
        file: name of the file that the explanations are written to.
        lacking: a verb for what a turn without any unit cannot be used for: `edit`.
        most: says how much is asked at most for turns.
        show: shows one explanation, with the word for how far its score is to be trusted.
        summary: says in one sentence what came of all of them.
    """

    task: Task[T]
    file: str
    lacking: str
    most: Callable[[Sequence[ScoredTurn]], str]
    show: Callable[[Console, ScoredTurn, T, str], None]
    summary: Callable[[Sequence[T]], str]


def show_plan(scopes: Sequence[Scope], view: ExplanationView[Any], responder: str | None) -> int:
    """Say what explaining these turns would take at most, and return the exit code."""
    if not scopes[0].chosen:
        _show_none(scopes[0].run.id, view)
    console = Console()
    named = None if responder is None else JudgeSpec.parse(responder).public
    judged = f" for {named} to answer and then to be judged." if named else " to be judged."
    proposes = view.task.edits is not None and view.task.edits.proposes
    editors = " What editors ask a model comes on top." if proposes else ""
    for note in scopes[0].notes:
        console.print(plain(note), soft_wrap=True)
    for scope in scopes:
        text = (
            f"Run {scope.run.id}: {counted(len(scope.turns), 'turn')} to explain on "
            f"{counted(len(scope.rubrics), 'maxim')} with {scope.judge_name}: at most {view.most(scope.turns)}"
            f"{judged}{editors} Nothing was asked."
        )
        console.print(plain(text), soft_wrap=True)
    return 0


def show_explained(workspace: Workspace, view: ExplanationView[T], out: Path, arguments: dict[str, Any]) -> int:
    """Explain turns, show and write each explanation, and return the exit code.

    Args:
        workspace: where the run is.
        view: the task, and how its results are shown.
        out: folder that has a folder for each run.
        arguments: of `Workspace.explain_turns`.
    """
    console, progress = Console(), ConsoleProgress(Console(stderr=True))
    file = out / f"run-{workspace.run(arguments['run']).id}" / view.file
    check_writable(out)
    results: list[T] = []
    marks = workspace.run(arguments["run"]).marks if arguments.get("judge") is None else {}
    used: dict[str, TrustMark] = {}

    def show(turn: ScoredTurn, result: T) -> None:
        results.append(result)
        rubric = turn.rubric.id
        used.update({rubric: marks[rubric]} if rubric in marks else {})
        with progress.paused():
            word = marks[rubric].word if rubric in marks else "trust unknown"
            view.show(console, turn, result, f"{word}{scope_note(turn.rubric)}")

    written = False
    try:
        turns = workspace.explain_turns(task=view.task, on_result=show, progress=progress, **arguments)
    finally:
        if results:  # else the file of an earlier command stays
            written = write_explanations([body for result in results for body in view.task.bodies(result)], file)
    if not turns.chosen:
        _show_none(turns.run.id, view)
    for sentence in trust_legend(used):
        console.print(plain(sentence), soft_wrap=True)
    where = f"{file.stem.capitalize()}: {file}   " if written else ""
    console.print(plain(f"{view.summary(results)}.   {where}Store: {workspace.store.place}"), soft_wrap=True)
    left_out = arguments["turns"].place is not None and turns.unscored
    return 1 if turns.failed or left_out or (results and not written) else 0


def show_explanation(console: Console, explanation: Explanation, place: str, command: str, *, indent: str = "") -> None:
    """Show a judged turn: its headline, place, message and reply, the evidence, and the command that tells more.

    Args:
        console: the terminal.
        explanation: the turn, explained or not.
        place: the turn with its scores.
        command: a command line.
        indent: stands before each line.
    """
    lines = [place, *explanation.chat, *explanation.details]
    console.print(Text(f"{indent}{visible(explanation.headline)}", style="bold"), soft_wrap=True)
    for line in lines:
        console.print(plain(f"{indent}  {line}"), soft_wrap=True)
    if explanation.unsuccessful:
        console.print(Text(f"{indent}  {visible(explanation.unsuccessful)}", style="dim"), soft_wrap=True)
    console.print(plain(f"{indent}  More: {command}\n"), soft_wrap=True)


def write_explanations(bodies: Iterable[Mapping[str, object]], file: Path) -> bool:
    """Write one JSON object a line; say where that is not possible, and return False."""
    try:
        write_lines(bodies, file)
    except OSError as error:
        text = (
            f"{file} cannot be written ({error.strerror or error}). Nothing is lost, the explanations are in the "
            "store: the same command with another --out writes them, and asks nothing again."
        )
        Console(stderr=True).print(plain(text), soft_wrap=True)
        return False
    return True


def _show_none(run: int, view: ExplanationView[Any]) -> None:
    click.echo(f"No turn of run {run} was chosen: none scored like that, or none has anything to {view.lacking}.")

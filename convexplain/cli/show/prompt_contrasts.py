"""Contrasts of prompts, as the command line shows them: one by one, and the table of many."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from convexplain.explain.wording import counted
from convexplain.fidelity import Estimate
from convexplain.fidelity.comparisons import TIE
from convexplain.text.visible import one_line
from convexplain.workspace import PromptContrast, PromptContrasts
from convexplain.workspace.answer_comparison import AnswerComparison
from convexplain.workspace.prompt_tables import CaseContrast

from .contrasts import show_diff, show_response
from .progress import plain

_ANSWERS = {"first": "the first answer", "baseline": "the baseline's answer"}
_FEW = 5  # of fewer prompts an interval would promise too much


def show_prompt_contrast(console: Console, score: str, prompt: str, delta: float, contrast: PromptContrast) -> None:
    """Show the contrast of a prompt: its outcome, the edited prompt, and the answers before and after.

    Args:
        console: where to.
        score: name of the scoring function.
        prompt: the prompt before it was edited.
        delta: the score from which on an answer is a contrast.
        contrast: the result of the search.
    """
    console.print(plain(_outcome(score, delta, contrast, "the prompt")), style="bold", soft_wrap=True)
    _show_answers(console, score, prompt, contrast)
    if contrast.note:
        console.print(plain(f"  note: {one_line(contrast.note)}"), soft_wrap=True)


def show_case(console: Console, score: str, delta: float, row: CaseContrast) -> None:
    """Show one of many prompts: a line with its outcome, and its contrast where there is one."""
    name = one_line(row.case.id)
    if row.contrast is None:
        console.print(plain(f"{name}: not answered: {one_line(row.error)}"), style="bold", soft_wrap=True)
        return
    place = "the part that may be edited" if row.case.editable else "the prompt"
    console.print(plain(f"{name}: {_outcome(score, delta, row.contrast, place)}"), style="bold", soft_wrap=True)
    if row.contrast.result.found:
        _show_answers(console, score, row.case.prompt, row.contrast)


def show_prompt_table(console: Console, contrasts: PromptContrasts, files: Sequence[Path]) -> None:
    """Show what came of all prompts: the measures of section 5 of the CELL paper, each with its n and interval."""
    notes = dict.fromkeys(row.contrast.note for row in contrasts.rows if row.contrast and row.contrast.note)
    for note in notes:
        console.print(plain(f"note: {one_line(note)}"), soft_wrap=True)
    measured = contrasts.table
    table = Table("measure", "mean", "95 % interval", "n")
    for name, estimate in (
        ("flip rate: prompts with a contrast", measured.flip_rate),
        ("edit rate: words changed, of all words", measured.edit_rate),
        ("content preservation: cosine of the prompts", measured.content_preservation),
        ("calls a prompt", measured.calls),
        ("seconds a prompt", measured.seconds),
    ):
        table.add_row(name, *_cells(estimate or Estimate(None, None, None, 0)))
    for name, each in contrasts.favourability.items():
        counts = f"more helpful {each.wins}, equally {each.ties}, less {each.losses} times"
        table.add_row(f"favourability: lead of {_ANSWERS[name]} over the contrast's ({counts})", *_cells(each.lead))
    console.print(table)
    unanswered = sum(row.contrast is None for row in contrasts.rows)
    parts = [counted(len(contrasts.rows), "prompt"), f"{unanswered} not answered" if unanswered else ""]
    parts.append(f"{counted(len(contrasts.problems), 'line')} not read" if contrasts.problems else "")
    where = f".   Contrasts: {' '.join(map(str, files))}" if files else ""
    console.print(plain(", ".join(part for part in parts if part) + where), soft_wrap=True)


def _show_answers(console: Console, score: str, prompt: str, contrast: PromptContrast) -> None:
    result = contrast.result
    show_diff(console, "prompt", prompt, result.text)
    show_response(console, "response before", result.response_before)
    if result.edits:
        show_response(console, "response after", result.response)
    if contrast.baseline is not None:
        value = _number(contrast.baseline.score)
        show_response(console, f"baseline ({score} {value}, asked outright)", contrast.baseline.response)
    if contrast.comparison is not None:
        console.print(plain(f"  {one_line(_compared(contrast.comparison))}"), soft_wrap=True)


def _compared(comparison: AnswerComparison) -> str:
    """The comparison with the contrast's answer in words."""
    leads = {name: getattr(comparison, name) for name in _ANSWERS}
    present = {name: lead for name, lead in leads.items() if lead is not None}
    if not present:
        return f"{comparison.judge} gave no comparison of the answers"
    parts = [f"{_ANSWERS[name]} is {_degree(lead)} ({lead:+.2f})" for name, lead in present.items()]
    return f"beside the answer after, by {comparison.judge} in both orders: {'; '.join(parts)}"


def _degree(lead: float) -> str:
    if abs(lead) < TIE:
        return "about as helpful"
    return "more helpful" if lead > 0 else "less helpful"


def _outcome(score: str, delta: float, contrast: PromptContrast, place: str) -> str:
    result = contrast.result
    if result.found:
        spent = f"{counted(len(result.edits), 'edit')}, {counted(result.calls, 'call')}"
        return f"{score} {_number(result.score)} (delta {delta:g}), {spent}"
    if not result.calls:
        return f"nothing to edit: {'the infiller proposed nothing' if result.infills else f'no word in {place}'}"
    if result.score is None:
        return f"no contrast: none of {counted(result.calls, 'edited prompt')} could be scored"
    within = counted(result.calls, "call")
    return f"no contrast within {within} (delta {delta:g}); the highest {score} was {result.score:.2f}"


def _cells(estimate: Estimate) -> tuple[str, str, str]:
    interval = "–"
    if estimate.low is not None and estimate.high is not None and estimate.n >= _FEW:
        interval = f"{estimate.low:.2f} to {estimate.high:.2f}"
    return _number(estimate.value), interval, str(estimate.n)


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"

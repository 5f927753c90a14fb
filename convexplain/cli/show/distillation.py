"""Distillations on a terminal: how far each head follows its teacher, and what both cost."""

from rich.console import Console
from rich.table import Table

from convexplain.agreement import format_estimate
from convexplain.workspace import Distillation, DistillationPlan, DistilledHead, JudgeSpec
from convexplain.workspace.distillation_results import AFTER, BEFORE, LENGTH, TEACHER, HeldOutAgreement, JudgingCost

from .progress import plain

_NAMES = {
    BEFORE: "student before",
    AFTER: "student after",
    TEACHER: "teacher",
    LENGTH: "length alone",
}


def show_distillation_plan(console: Console, plan: DistillationPlan) -> int:
    """Say what a distillation would ask, and return the exit code."""
    teacher = plan.teacher
    cached = f"; {teacher.cached:,} more are in the cache" if teacher.cached else ""
    most = f" (up to {teacher.most_calls:,} if it gives no log-probabilities)" if teacher.samples > 1 else ""
    lines = [
        f"{teacher.model} would judge {plan.turns:,} turns ({plan.held_out:,} held out) on {', '.join(plan.rubrics)}: "
        f"{teacher.calls:,} calls{most} with about {teacher.tokens:,} prompt tokens{cached}.",
        f"{plan.student} would read {plan.reads:,} turns once. Nothing was asked.",
    ]
    if teacher.unreached:
        lines.insert(1, f"The teacher cannot be reached now: {teacher.unreached}")
    for line in lines:
        console.print(plain(line), soft_wrap=True)
    return 0


def show_distillation(console: Console, distilled: Distillation, judge: JudgeSpec) -> int:
    """Show what the heads of a distillation are worth, and return the exit code: 1 where something was left out."""
    for head in distilled.heads:
        _show_head(console, distilled.teacher, head)
    for rubric, reason in distilled.refused.items():
        console.print(plain(f"! No head for {rubric}: {reason}"), soft_wrap=True)
    teacher, student = distilled.costs["teacher"], distilled.costs["student"]
    console.print(plain(f"1,000 turns on one maxim: {distilled.teacher} {_cost(teacher)}."), soft_wrap=True)
    share = distilled.share_of_seconds
    comparison = "" if share is None else f": {share:.1%} of the teacher's seconds"
    text = f"1,000 turns on all maxims together: {distilled.student.public} {_cost(student)}{comparison}."
    console.print(plain(text), soft_wrap=True)
    console.print(
        plain(f"The teacher's scores are run {distilled.run}. Judge with the student: --judge '{judge.public}'"),
        soft_wrap=True,
    )
    return 1 if distilled.left_out or distilled.refused else 0


def _show_head(console: Console, teacher: str, distilled: DistilledHead) -> None:
    console.print(plain(f"Head for {distilled.head.rubric}. {distilled.verdict}"), soft_wrap=True)
    if unscored := sum(distilled.unscored.values()):
        console.print(plain(f"! {teacher} did not score {unscored:,} turns; they are left out."), soft_wrap=True)
    table = Table()
    for column in ("held-out turns", "against, n", "Spearman", "AUC"):
        table.add_column(column, justify="right" if column in ("Spearman", "AUC") else "left")
    _add_rows(table, "teacher", distilled.with_teacher)
    if distilled.with_people is not None:
        _add_rows(table, "people", distilled.with_people)
    console.print(table)


def _add_rows(table: Table, reference: str, agreement: HeldOutAgreement) -> None:
    against = f"{reference}, {agreement.turns:,}"
    for name, title in _NAMES.items():
        if name in agreement.by_name:
            order = agreement.by_name[name]
            table.add_row(title, against, format_estimate(order.spearman), format_estimate(order.auc))
    if agreement.gain is not None:
        table.add_row("gain", against, format_estimate(agreement.gain, signed=True), "")


def _cost(cost: JudgingCost) -> str:
    parts = [f"{cost.calls:,.0f} calls"]
    parts += ["seconds not measured (all replies were in the cache)"] if cost.seconds is None else []
    parts += [f"{cost.seconds:,.0f} s of the model"] if cost.seconds is not None else []
    parts += [f"{cost.tokens:,.0f} tokens"] if cost.tokens is not None else []
    return ", ".join(parts)

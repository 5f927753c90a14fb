"""Agreement with people, as the command line shows it. Text from logs is shown as text only."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from convexplain.agreement import (
    MARKS,
    MEASURES,
    AgreementMeasure,
    Disagreement,
    EscalationCurve,
    JudgeAgreement,
    JudgeComparison,
    RubricAgreement,
    explain_command,
    format_estimate,
)
from convexplain.explain.wording import marked_reason
from convexplain.fidelity import Estimate
from convexplain.text.visible import one_line, visible
from convexplain.workspace import ValidationPlan

from .progress import plain

_TEXT = 300  # characters of a turn


def show_agreement(console: Console, agreement: RubricAgreement, worst: int) -> None:
    """Show one rubric: people among themselves, judges beside baselines, and the widest disagreements."""
    console.print(Text(f"\n{visible(agreement.rubric.title)}", style="bold"), plain(f"[{agreement.rubric.id}]"))
    if agreement.turns:
        console.print(
            plain(
                f"{agreement.turns:,} labelled turns in {agreement.dialogues:,} dialogues, "
                f"{agreement.ratings:,} ratings" + (f" by {agreement.raters:,} raters" if agreement.raters else "")
            )
        )
        console.print(plain(_people(agreement)), soft_wrap=True)
        for judge in agreement.judges:
            if judge.usefulness is not None:
                style = "" if judge.usefulness.use == "flagging" else "yellow"
                console.print(Text(f"{visible(judge.name)}: {judge.usefulness.sentence}", style=style), soft_wrap=True)
        console.print(_measures(agreement))
    if agreement.pairs is not None:
        console.print(_pairs(agreement))
    for note in agreement.notes:
        console.print(Text("! ", style="yellow"), plain(note), sep="", soft_wrap=True)
    for comparison in agreement.comparisons if agreement.turns else ():
        console.print(_comparison(comparison))
    for curve in agreement.escalations:
        if curve.points:
            console.print(_escalation(curve))
    for judge in agreement.judges:
        _show_judge(console, judge, agreement, worst)


def _people(agreement: RubricAgreement) -> str:
    parts = [
        f"{name}: {format_estimate(estimate) if estimate.value is not None else f'none ({estimate.reason})'}"
        for name, estimate in (
            ("People among themselves: Krippendorff's alpha", agreement.alpha),
            ("one person with the mean of the others (Spearman)", agreement.ceiling),
        )
    ]
    return "; ".join(parts)


def _measures(agreement: RubricAgreement) -> Table:
    columns = [*agreement.judges, *agreement.baselines]
    table = _table("", *(f"{column.name}\nn = {column.n:,}" for column in columns))
    for measure in MEASURES:
        cells = [_cell(column.measures.get(measure.name), measure) for column in columns]
        table.add_row(f"{measure.title} {MARKS[measure.best]}", *cells)
    return table


def _table(*headings: str) -> Table:
    table = Table()
    for heading in headings:
        table.add_column(plain(heading), overflow="fold", no_wrap=not table.columns)
    return table


def _cell(estimate: Estimate | None, measure: AgreementMeasure) -> str:
    return "" if estimate is None else format_estimate(estimate, measure.best == "zero", measure.digits)


def _pairs(agreement: RubricAgreement) -> Table:
    assert agreement.pairs is not None
    table = _table(f"{agreement.pairs.n:,} pairs", "preferred one scores higher ↑", "pairs")
    for name, estimate in agreement.pairs.accuracy.items():
        table.add_row(plain(name), format_estimate(estimate), f"{estimate.n:,}")
    for first, second, estimate in agreement.pairs.differences:
        table.add_row(plain(f"{first} less {second}"), format_estimate(estimate, signed=True), f"{estimate.n:,}")
    return table


def _comparison(comparison: JudgeComparison) -> Table:
    table = _table("", f"{comparison.first}\nless {comparison.second}")
    for measure in MEASURES:
        table.add_row(
            f"{measure.title} {MARKS[measure.best]}",
            format_estimate(comparison.differences[measure.name], True, measure.digits),
        )
    return table


def _escalation(curve: EscalationCurve) -> Table:
    """Return a table of what `--judge CHEAP --escalate STRONG` would reach."""
    table = _table(f"{curve.cheap},\nescalated to {curve.strong}", "band", "Spearman ↑", "AUC ↑")
    for point in curve.points:
        table.add_row(
            f"{point.share:.0%} of the turns",
            f"{point.band:.2f}",
            format_estimate(point.spearman),
            format_estimate(point.auc),
        )
    return table


def _show_judge(console: Console, judge: JudgeAgreement, agreement: RubricAgreement, worst: int) -> None:
    if (counts := judge.confusion) is not None and judge.n:
        console.print(
            plain(
                f"{judge.name} at {judge.threshold:.3g}: both good {counts.both_good}, "
                f"both bad {counts.both_bad}, only the judge says bad {counts.judge_bad}, "
                f"only people say bad {counts.people_bad}"
            ),
            soft_wrap=True,
        )
    for reason, count in list(judge.unscored.items())[:3]:
        console.print(Text(f"no score {count} x: ", style="yellow"), plain(reason), sep="", soft_wrap=True)
    _show_disagreements(console, judge, judge.disagreements[:worst], agreement.rubric.id)


def _show_disagreements(
    console: Console, judge: JudgeAgreement, disagreements: Sequence[Disagreement], rubric: str
) -> None:
    if not disagreements:
        return
    console.print(Text(f"\nWidest disagreements of {visible(judge.name)}:", style="bold"))
    for disagreement in disagreements:
        turn, judgement = disagreement.turn, disagreement.judgement
        content = turn.conversation.turns[turn.turn].content[:_TEXT]
        console.print(
            Text(f"  people {turn.human:.2f}, judge {judgement.score:.2f}  "),
            Text(one_line(f"{turn.conversation.id}:{turn.turn}  {content}")),
            sep="",
            no_wrap=True,
            overflow="ellipsis",
        )
        if judgement.reason:
            reason = marked_reason(one_line(judgement.reason), judgement.evidence.reason_quotes, _TEXT)
            console.print(Text("    judge: "), plain(reason), sep="", soft_wrap=True)
    console.print(Text("  why: "), plain(explain_command(judge, disagreements[0], rubric)), sep="", soft_wrap=True)


def show_validation_plan(console: Console, plan: ValidationPlan) -> int:
    """Say how many calls judging labelled turns would take, and return the exit code."""
    console.print(
        f"{plan.judgements:,} labelled turns or sides of pairs on {len(plan.rubrics)} maxims, in "
        f"{plan.conversations:,} conversations."
    )
    for judge in plan.judges:
        console.print(
            plain(
                f"{judge.model}: {judge.calls:,} calls with about {judge.tokens:,} prompt tokens; "
                f"{judge.cached:,} more are in the cache. Nothing was asked."
            ),
            soft_wrap=True,
        )
    return 0

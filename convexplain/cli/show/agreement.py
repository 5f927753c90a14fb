"""What the command line shows of agreement with people. Text from logs is shown as text only."""

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
from convexplain.fidelity import Estimate
from convexplain.text.visible import one_line, visible

from .progress import plain

_TEXT = 300  # characters of a turn


def show_agreement(console: Console, found: RubricAgreement, worst: int) -> None:
    """Everything about one rubric: people among themselves, judges beside baselines, and the widest disagreements."""
    console.print(Text(f"\n{visible(found.rubric.title)}", style="bold"), plain(f"[{found.rubric.id}]"))
    if found.turns:
        console.print(
            plain(
                f"{found.turns:,} labelled turns in {found.dialogues:,} dialogues, {found.ratings:,} ratings"
                + (f" by {found.raters:,} raters" if found.raters else "")
            )
        )
        console.print(plain(_people(found)), soft_wrap=True)
        console.print(_measures(found))
    if found.pairs is not None:
        console.print(_pairs(found))
    for note in found.notes:
        console.print(Text("! ", style="yellow"), plain(note), sep="", soft_wrap=True)
    for comparison in found.comparisons if found.turns else ():
        console.print(_comparison(comparison))
    for curve in found.escalations:
        if curve.points:
            console.print(_escalation(curve))
    for judge in found.judges:
        _show_judge(console, judge, found, worst)


def _people(found: RubricAgreement) -> str:
    parts = [
        f"{name}: {format_estimate(estimate) if estimate.value is not None else f'none ({estimate.reason})'}"
        for name, estimate in (
            ("People among themselves: Krippendorff's alpha", found.alpha),
            ("one against the rest (Spearman)", found.ceiling),
        )
    ]
    return "; ".join(parts)


def _measures(found: RubricAgreement) -> Table:
    columns = [*found.judges, *found.baselines]
    table = _table("", *(f"{one.name}\nn = {one.n:,}" for one in columns))
    for measure in MEASURES:
        cells = [_cell(one.measures.get(measure.name), measure) for one in columns]
        table.add_row(f"{measure.title} {MARKS[measure.best]}", *cells)
    return table


def _table(*headings: str) -> Table:
    table = Table()
    for heading in headings:
        table.add_column(plain(heading), overflow="fold", no_wrap=not table.columns)
    return table


def _cell(estimate: Estimate | None, measure: AgreementMeasure) -> str:
    return "" if estimate is None else format_estimate(estimate, measure.best == "zero", measure.digits)


def _pairs(found: RubricAgreement) -> Table:
    assert found.pairs is not None
    table = _table(f"{found.pairs.n:,} pairs", "preferred one scores higher ↑", "pairs")
    for name, estimate in found.pairs.accuracy.items():
        table.add_row(plain(name), format_estimate(estimate), f"{estimate.n:,}")
    for first, second, estimate in found.pairs.differences:
        table.add_row(plain(f"{first} less {second}"), format_estimate(estimate, signed=True), f"{estimate.n:,}")
    return table


def _comparison(one: JudgeComparison) -> Table:
    table = _table("", f"{one.first}\nless {one.second}")
    for measure in MEASURES:
        table.add_row(
            f"{measure.title} {MARKS[measure.best]}",
            format_estimate(one.differences[measure.name], True, measure.digits),
        )
    return table


def _escalation(curve: EscalationCurve) -> Table:
    """What `--judge CHEAP --escalate STRONG` would reach."""
    table = _table(f"{curve.cheap},\nescalated to {curve.strong}", "band", "Spearman ↑", "AUC ↑")
    for point in curve.points:
        table.add_row(
            f"{point.share:.0%} of the turns",
            f"{point.band:.2f}",
            format_estimate(point.spearman),
            format_estimate(point.auc),
        )
    return table


def _show_judge(console: Console, judge: JudgeAgreement, found: RubricAgreement, worst: int) -> None:
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
    _show_disagreements(console, judge, judge.disagreements[:worst], found.rubric.id)


def _show_disagreements(console: Console, judge: JudgeAgreement, some: Sequence[Disagreement], rubric: str) -> None:
    if not some:
        return
    console.print(Text(f"\nWidest disagreements of {visible(judge.name)}:", style="bold"))
    for one in some:
        turn = one.turn
        content = turn.conversation.turns[turn.turn].content[:_TEXT]
        console.print(
            Text(f"  people {turn.human:.2f}, judge {one.judgement.score:.2f}  "),
            Text(one_line(f"{turn.conversation.id}:{turn.turn}  {content}")),
            sep="",
            no_wrap=True,
            overflow="ellipsis",
        )
        if one.judgement.reason:
            console.print(Text("    judge: "), plain(one_line(one.judgement.reason)[:_TEXT]), sep="", soft_wrap=True)
    console.print(Text("  why: "), plain(explain_command(judge, some[0], rubric)), sep="", soft_wrap=True)

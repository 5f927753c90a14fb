"""Two runs, compared, on the terminal."""

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from convexplain.analysis.averages import AverageComparison
from convexplain.analysis.comparison import Comparison, Shift
from convexplain.explain.wording import counted
from convexplain.report.trust_marks import NO_BETTER
from convexplain.store import Run
from convexplain.text.visible import one_line, visible
from convexplain.workspace import MaximComparison, RunComparison

from .commands import command_line
from .progress import cut

UNRELATED = "its scores say nothing about a change"
"""The verdict on scores of a judge that is no better than chance."""


def show_comparison(console: Console, compared: RunComparison, db: str | None) -> None:
    """Show the change of each maxim, first as one sentence each, and the turns that moved most.

    Args:
        console: the terminal.
        compared: the runs.
        db: the store, where a command has to name it.
    """
    console.print(Text(f"{_name(compared.first)} → {_name(compared.second)}"), soft_wrap=True)
    apart = all(not maxim.paired for maxim in compared.maxims)
    if apart:
        console.print("The runs have no conversation in common: only their averages are compared.", style="yellow")
    for maxim in compared.maxims:
        words = " → ".join(dict.fromkeys(mark.word for mark in maxim.marks))
        change = UNRELATED if _is_chance(maxim) else verdict(maxim.change or maxim.averages)
        sentence = f"{maxim.rubric} ({words}): {change}"
        console.print(Text(visible(sentence)), soft_wrap=True)
    for maxim in compared.maxims:
        command = ["convexplain", "explain", str(compared.second.id), "--rubric", maxim.rubric]
        _show_maxim(console, maxim, apart, command, db)
    for run, rubrics in ((compared.first, compared.only_first), (compared.second, compared.only_second)):
        if rubrics:
            console.print(Text(visible(f"\nOnly run {run.id} has: {', '.join(rubrics)}")), soft_wrap=True)


def _is_chance(maxim: MaximComparison) -> bool:
    return any(mark.word == NO_BETTER for mark in maxim.marks)


def verdict(change: Comparison | AverageComparison | None) -> str:
    """Return in words whether scores got better or worse; None is where a run has no score."""
    if change is None:
        return "cannot be compared: one of the runs has no score"
    if change.interval is None and round(change.shift, 2) == 0:
        return "no difference, of too few conversations to say whether that is chance"
    if change.interval is None:
        direction = "higher" if change.shift > 0 else "lower"
        return f"{direction} by {abs(change.shift):.2f}, of too few conversations to say whether that is chance"
    low, high = change.interval
    if low > 0:
        return f"better by {change.shift:.2f} ({low:.2f} to {high:.2f})"
    if high < 0:
        return f"worse by {-change.shift:.2f} ({-high:.2f} to {-low:.2f})"
    return f"no clear change (the difference may be {low:+.2f} to {high:+.2f})"


def _show_maxim(console: Console, maxim: MaximComparison, apart: bool, explain: Sequence[str], db: str | None) -> None:
    console.print(Text(visible(f"\n{maxim.title}"), style="bold"))
    if maxim.reworded:
        console.print("  The wording or the threshold of this maxim differs between the two runs.", style="yellow")
    flags = all(mark.flags for mark in maxim.marks)
    names = ("First run: ", "Second run: ") if maxim.marks[0] != maxim.marks[1] else ("",)
    for name, mark in zip(names, maxim.marks, strict=False):
        console.print(Text(visible(f"  {name}{mark.word}. {mark.sentence}")), soft_wrap=True)
    change = maxim.change
    if change is None:
        if not apart:
            console.print("  The two runs have scored no turn in common: only their averages are compared.")
        if maxim.averages is not None:
            _show_averages(console, maxim.averages, maxim.threshold if flags else None)
        return
    console.print(Text(f"  mean {change.before:.2f} → {change.after:.2f}, {_difference(change)}"), soft_wrap=True)
    unscored = f" ({change.unscored:,} more have no score in one of them)" if change.unscored else ""
    matched = ", matched by the ids of their conversations" if change.by_id else ""
    crossed = (
        f"; {change.fell:,} went below the threshold {maxim.threshold:g}, {change.rose:,} rose above it"
        if flags
        else ""
    )
    console.print(
        f"  {counted(change.turns, 'turn')} of {counted(change.conversations, 'conversation')}{unscored}{matched}"
        f"{crossed}",
        soft_wrap=True,
    )
    if _is_chance(maxim):
        return
    if not flags:
        _show_shifts(console, maxim, explain, db)
        return
    assumed = ", which is assumed: `convexplain judges noise` measures it" if maxim.noise_assumed else ""
    console.print(
        f"  by more than the judges' noise ({maxim.noise:.2f}{assumed}), {maxim.fell:,} fell and {maxim.rose:,} rose",
        soft_wrap=True,
    )
    _show_shifts(console, maxim, explain, db)


def _show_shifts(console: Console, maxim: MaximComparison, explain: Sequence[str], db: str | None) -> None:
    for heading, shifts in (("fell most", maxim.falls), ("rose most", maxim.rises)):
        if shifts:
            console.print(f"  {heading}:")
        for shift in shifts:
            _show_shift(console, shift, explain, db)


def _show_averages(console: Console, averages: AverageComparison, threshold: float | None) -> None:
    means = f"  mean {averages.before:.2f} → {averages.after:.2f}, {_difference(averages)}"
    console.print(Text(means), soft_wrap=True)
    if threshold is None:
        return
    samples = " → ".join(
        f"{share:.0%} of {counted(turns, 'turn')} in {counted(conversations, 'conversation')}"
        for share, turns, conversations in zip(
            (averages.below_before, averages.below_after), averages.turns, averages.conversations, strict=True
        )
    )
    console.print(f"  below the threshold {threshold:g}: {samples}", soft_wrap=True)


def _show_shift(console: Console, shift: Shift, explain: Sequence[str], db: str | None) -> None:
    place = one_line(f"{shift.conversation}, turn {shift.turn}")
    if shift.text_before == shift.text_after:
        texts = [cut(shift.text_after)]
    else:
        texts = [f"before: {cut(shift.text_before)}", f"after: {cut(shift.text_after)}"]
    command = command_line([*explain, "--turn", f"{shift.conversation}:{shift.turn}", *(["--db", db] if db else [])])
    lines = [f"    {place}: {shift.before:.2f} → {shift.after:.2f}", *(f"      {line}" for line in (*texts, command))]
    console.print(Text("\n".join(lines)), soft_wrap=True)


def _difference(change: Comparison | AverageComparison) -> str:
    if change.interval is None:
        few = "of one conversation" if isinstance(change, Comparison) else "of fewer than five conversations in a run"
        return f"difference {change.shift:+.2f} ({few}: no interval)"
    low, high = change.interval
    return f"difference {change.shift:+.2f} (95 % interval {low:+.2f} to {high:+.2f})"


def _name(run: Run) -> str:
    name = f"{run.name}, " if run.name else ""
    return one_line(f"Run {run.id} ({name}{run.judge})")

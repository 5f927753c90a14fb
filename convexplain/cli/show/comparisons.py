"""Two runs, compared, on the terminal."""

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from convexplain.analysis.comparison import Comparison, Shift
from convexplain.explain.wording import counted
from convexplain.store import Run
from convexplain.text.visible import one_line, visible
from convexplain.workspace import MaximComparison, RunComparison


def show_comparison(console: Console, compared: RunComparison) -> None:
    """Show the change of each maxim, and the turns that moved most."""
    console.print(Text(f"{_name(compared.first)} → {_name(compared.second)}"), soft_wrap=True)
    for maxim in compared.maxims:
        _show_maxim(console, maxim)
    for run, rubrics in ((compared.first, compared.only_first), (compared.second, compared.only_second)):
        if rubrics:
            console.print(Text(visible(f"\nOnly run {run.id} has: {', '.join(rubrics)}")), soft_wrap=True)


def _show_maxim(console: Console, maxim: MaximComparison) -> None:
    console.print(Text(visible(f"\n{maxim.title}"), style="bold"))
    if maxim.reworded:
        console.print("  The wording or the threshold of this maxim differs between the two runs.", style="yellow")
    change = maxim.change
    if change is None:
        console.print("  The two runs have scored no turn in common.")
        return
    console.print(Text(f"  mean {change.before:.2f} → {change.after:.2f}, {_difference(change)}"), soft_wrap=True)
    unscored = f" ({change.unscored:,} more have no score in one of them)" if change.unscored else ""
    matched = ", matched by the ids of their conversations" if change.by_id else ""
    console.print(
        f"  {counted(change.turns, 'turn')} of {counted(change.conversations, 'conversation')}{unscored}{matched}; "
        f"{change.fell:,} went below the threshold {maxim.threshold:g}, {change.rose:,} came from below",
        soft_wrap=True,
    )
    assumed = ", which is assumed: `convexplain judges noise` measures it" if maxim.noise_assumed else ""
    console.print(
        f"  by more than the judges' noise ({maxim.noise:.2f}{assumed}), {maxim.fell:,} fell and {maxim.rose:,} rose",
        soft_wrap=True,
    )
    _show_shifts(console, "fell most", maxim.falls)
    _show_shifts(console, "rose most", maxim.rises)


def _show_shifts(console: Console, heading: str, shifts: Sequence[Shift]) -> None:
    if shifts:
        console.print(f"  {heading}:")
    for shift in shifts:
        place = one_line(f"{shift.conversation}, turn {shift.turn}")
        console.print(Text(f"    {place}: {shift.before:.2f} → {shift.after:.2f}"), soft_wrap=True)


def _difference(change: Comparison) -> str:
    if change.interval is None:
        return f"difference {change.shift:+.2f} (of one conversation: no interval)"
    low, high = change.interval
    clear = "" if low > 0 or high < 0 else ", which holds 0: no clear change"
    return f"difference {change.shift:+.2f} (95 % interval {low:+.2f} to {high:+.2f}{clear})"


def _name(run: Run) -> str:
    name = f"{run.name}, " if run.name else ""
    return one_line(f"Run {run.id} ({name}{run.judge})")

"""Two runs, compared, on the terminal."""

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.text import Text

from convexplain.analysis.averages import AverageComparison
from convexplain.analysis.change_verdicts import ChangeVerdict, signed
from convexplain.analysis.comparison import Comparison
from convexplain.explain.wording import counted
from convexplain.report.trust_marks import NO_BETTER, TrustMark, trust_legend
from convexplain.store import Run
from convexplain.text.diffs import marked, shortened, word_diff
from convexplain.text.visible import one_line, visible
from convexplain.workspace import ChangedTurn, MaximComparison, RunComparison
from convexplain.workspace.theme_changes import NOT_SEARCHED, ThemeChanges

from .commands import command_line
from .progress import cut

_MOST_REASON = 160  # characters of a reason
_ALIKE = 0.5  # share of unchanged words from which a word difference is shown instead of two texts


def show_comparison(console: Console, compared: RunComparison, themes: ThemeChanges, db: str | None) -> None:
    """Show the verdict over all and on each maxim, then the change of each, and the turns that moved most.

    Args:
        console: the terminal.
        compared: the runs.
        themes: how their themes changed.
        db: the store, where a command has to name it.
    """
    console.print(Text(f"{_name(compared.first)} → {_name(compared.second)}"), soft_wrap=True)
    for sentence in compared.samples:
        console.print(Text(sentence), soft_wrap=True)
    apart = all(not maxim.paired for maxim in compared.maxims)
    if apart:
        console.print("The runs have no conversation in common: only their averages are compared.", style="yellow")
    console.print(Text(visible(compared.sentence), style="bold"), soft_wrap=True)
    for maxim in compared.maxims:
        words = " → ".join(dict.fromkeys(mark.word for mark in maxim.marks))
        console.print(Text(visible(f"  {maxim.rubric} ({words}): {maxim.verdict.words}")), soft_wrap=True)
    changes = themes.changes or ()
    if changes:
        console.print(Text("\nThemes (a theme is a group of turns that fail in one way)", style="bold"))
    elif themes.reason and themes.reason != NOT_SEARCHED:
        console.print(Text(visible(f"\n{themes.reason}")), soft_wrap=True)
    clear = [change for change in changes if change.outcome != "no clear change"]
    for change in clear:
        console.print(Text(visible(f"  {change.name}: {change.words}")), soft_wrap=True)
    if len(clear) < len(changes):
        console.print(f"  {counted(len(changes) - len(clear), 'theme')} without a clear change (--json lists them)")
    for maxim in compared.maxims:
        command = ["convexplain", "explain", str(compared.second.id), "--rubric", maxim.rubric]
        _show_maxim(console, maxim, apart, [*command, *(["--db", db] if db else [])])
    for run, rubrics in ((compared.first, compared.only_first), (compared.second, compared.only_second)):
        if rubrics:
            console.print(Text(visible(f"\nOnly run {run.id} has: {', '.join(rubrics)}")), soft_wrap=True)
    console.print(Text("\nHow far to trust these scores", style="bold"))
    for sentence in trust_legend(_marks(compared)):
        console.print(Text(visible(f"  {sentence}")), soft_wrap=True)


def failing_maxims(verdicts: Mapping[str, ChangeVerdict]) -> list[str]:
    """Return the ids of the maxims on which the second run is worse."""
    return [rubric for rubric, verdict in verdicts.items() if verdict.fails]


def show_gates(console: Console, compared: RunComparison, verdicts: Mapping[str, ChangeVerdict]) -> None:
    """Say of each maxim of `--fail-if-worse` whether it passed, and why.

    Args:
        console: the terminal.
        compared: the runs.
        verdicts: by the ids of these maxims.
    """
    marks = {maxim.rubric: maxim.marks for maxim in compared.maxims}
    for rubric, verdict in verdicts.items():
        outcome = "FAILED" if verdict.fails else "passed"
        words = f"{outcome}: --fail-if-worse {rubric}: {verdict.words}"
        mark = next((mark for mark in marks[rubric] if not mark.flags), None)
        remark = f" Remark: {mark.word}. {mark.sentence}" if mark is not None else ""
        console.print(Text(visible(f"{words}.{remark}")), soft_wrap=True)
    if failing := failing_maxims(verdicts):
        console.print(Text(f"Exit code 3: run {compared.second.id} is worse on {', '.join(failing)}."), soft_wrap=True)


def _marks(compared: RunComparison) -> dict[str, TrustMark]:
    """Return how far the scores of each maxim are to be trusted; of two judges both are named."""
    marks: dict[str, TrustMark] = {}
    for maxim in compared.maxims:
        first, second = maxim.marks
        if first == second:
            marks[maxim.rubric] = first
        else:
            marks |= {f"{maxim.rubric}, first run": first, f"{maxim.rubric}, second run": second}
    return marks


def _show_maxim(console: Console, maxim: MaximComparison, apart: bool, explain: Sequence[str]) -> None:
    console.print(Text(visible(f"\n{maxim.title}"), style="bold"))
    if maxim.reworded:
        console.print("  The wording or the threshold of this maxim differs between the two runs.", style="yellow")
    change = maxim.change
    if change is None:
        if not apart:
            console.print("  The two runs have scored no turn in common: only their averages are compared.")
        if maxim.averages is not None:
            _show_averages(console, maxim.averages, maxim.threshold if maxim.flags else None)
        return
    console.print(Text(f"  mean {change.before:.2f} → {change.after:.2f}, {_difference(change)}"), soft_wrap=True)
    unscored = f" ({change.unscored:,} more have no score in one of them)" if change.unscored else ""
    crossed = (
        f"; {change.fell:,} went below the threshold {maxim.threshold:g}, {change.rose:,} rose above it"
        if maxim.flags
        else ""
    )
    console.print(
        f"  {counted(change.turns, 'turn')} of {counted(change.conversations, 'conversation')}{unscored}"
        f"{matching(change)}{crossed}",
        soft_wrap=True,
    )
    if not any(mark.word == NO_BETTER for mark in maxim.marks):
        _show_moved(console, maxim, explain)


def matching(change: Comparison) -> str:
    """Return by what the conversations of two runs were matched, as the end of a sentence; empty for the same ones."""
    kinds = [kind for kind, used in (("ids", change.by_id), ("user messages", change.by_messages)) if used]
    return f", matched by the {' or '.join(kinds)} of their conversations" if kinds else ""


def _show_moved(console: Console, maxim: MaximComparison, explain: Sequence[str]) -> None:
    assumed = ", which is assumed: `convexplain judges noise` measures it" if maxim.noise_assumed else ""
    console.print(
        f"  By more than the judges' noise ({maxim.noise:.2f}{assumed}), {maxim.fell:,} fell and {maxim.rose:,} rose.",
        soft_wrap=True,
    )
    for heading, turns in (("fell most", maxim.falls), ("rose most", maxim.rises)):
        if turns:
            console.print(f"  {heading}:")
        for turn in turns:
            _show_turn(console, turn)
    if turns := (*maxim.falls, *maxim.rises):
        place = f"{turns[0].after.conversation.id}:{turns[0].after.turn}"
        console.print(Text(f"  More about a turn: {command_line([*explain, '--turn', place])}"), soft_wrap=True)


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


def _show_turn(console: Console, turn: ChangedTurn) -> None:
    place = one_line(f"{turn.before.conversation.id}, turn {turn.before.turn}")
    lines = [f"    {place}: {turn.before.score:.2f} → {turn.after.score:.2f}"]
    lines += [f"      {line}" for line in (*([turn.headline] if turn.headline else []), *_texts(turn))]
    reason = one_line(turn.lower.reason or "")
    if reason and reason.rstrip(".").casefold() not in turn.headline.casefold():
        lines.append(f"      Judge's reason: {cut(reason, _MOST_REASON)}")
    console.print(Text("\n".join(lines)), soft_wrap=True)


def _texts(turn: ChangedTurn) -> list[str]:
    """Return the reply in one line; where it differs, the word difference of similar texts, or both texts."""
    if turn.text_before == turn.text_after:
        return [cut(turn.text_after)]
    changes = word_diff(turn.text_before, turn.text_after)
    same = sum(len(change.text) for change in changes if change.kind == "same")
    if same >= _ALIKE * max(len(turn.text_before), len(turn.text_after)):
        return [f"changed: {cut(marked(shortened(changes, 40)), 2 * _MOST_REASON)}"]
    return [f"before: {cut(turn.text_before)}", f"after: {cut(turn.text_after)}"]


def _difference(change: Comparison | AverageComparison) -> str:
    if change.interval is None:
        few = "of one conversation" if isinstance(change, Comparison) else "of fewer than five conversations in a run"
        return f"difference {signed(change.shift)} ({few}: no interval)"
    low, high = change.interval
    return f"difference {signed(change.shift)} (95 % interval {signed(low)} to {signed(high)})"


def _name(run: Run) -> str:
    name = f"{run.name}, " if run.name else ""
    return one_line(f"Run {run.id} ({name}{run.judge})")

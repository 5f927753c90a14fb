"""Runs on the terminal: the summary of one, the list of all. Text from logs is shown as text only."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from convexplain.explain.wording import counted, scale_note
from convexplain.report.trust_marks import TrustMark, trust_legend, trust_mark
from convexplain.store import LowScore, MaximSummary, Summary, UnscoredTurn
from convexplain.text.visible import one_line
from convexplain.workspace import AnalyzedRun, Finding, Runs
from convexplain.workspace.findings import stored_explanation

from .alarms import show_alarms
from .commands import command_line
from .explained import show_explanation
from .progress import plain

_REASONS = 10  # reasons for unscored turns that are listed
_PLACES = 3  # turns that are named for each reason
_SCORES = 3  # scores of a turn that only sort


def show_summary(console: Console, analyzed: AnalyzedRun) -> None:
    """Show the counts and means of a run as a table, and how far its judge is to be trusted on each maxim."""
    summary = analyzed.summary
    console.print(_summary_table(analyzed))
    if analyzed.sample is not None:
        console.print(plain(analyzed.sample.sentence), soft_wrap=True)
    if len(summary.judges) > 1:
        names = ", ".join(f"{count:,} by {name}" for name, count in summary.judges)
        console.print(plain(f"Judgements: {names}"), soft_wrap=True)
    _show_unscored(console, summary)
    if summary.problems:
        what = "1 record or file" if summary.problems == 1 else f"{summary.problems:,} records or files"
        console.print(Text(f"{what} could not be used", style="yellow"))
    _show_warned(console, analyzed)
    _show_trust(console, analyzed)
    show_alarms(console, analyzed)


def _summary_table(analyzed: AnalyzedRun) -> Table:
    summary, run = analyzed.summary, analyzed.run
    name = f" ({run.name})" if run.name else ""
    status = "" if run.status == "done" else ", not complete"
    table = Table(
        title=plain(
            f"Run {run.id}{name}{status}: {counted(summary.conversations, 'conversation')}, "
            f"{counted(summary.turns, 'assistant turn')}, judge {run.judge}"
        ),
        title_justify="left",
    )
    table.add_column("maxim", overflow="fold")
    for heading, width in (("scored", 6), ("unscored", 8), ("mean", 4), ("below threshold", 13)):
        table.add_column(heading, justify="right", min_width=width)
    table.add_column("trust", min_width=11)
    for maxim in summary.maxims:
        table.add_row(
            plain(f"{maxim.title}{analyzed.scope_notes[maxim.rubric]}"),
            str(maxim.judged - maxim.unscored),
            str(maxim.unscored),
            f"{_number(maxim.mean)}{_scores(maxim.mean_interval)}",
            _below(maxim) if analyzed.marks[maxim.rubric].flags else "–",
            analyzed.marks[maxim.rubric].word,
        )
    return table


def _show_unscored(console: Console, summary: Summary) -> None:
    for reason, count in summary.unscored[:_REASONS]:
        turns = list(dict.fromkeys(turn_name(turn) for turn in summary.unscored_examples if turn.reason == reason))
        further = " and more" if len(turns) > _PLACES else ""
        places = f" ({one_line(', '.join(turns[:_PLACES]))}{further})" if turns else ""
        console.print(Text(f"unscored {count} x: ", style="yellow"), plain(f"{reason}{places}"), sep="", soft_wrap=True)
    if (more := sum(count for _, count in summary.unscored[_REASONS:])) > 0:
        console.print(f"unscored {more} x for other reasons: the report lists them")


def _show_warned(console: Console, run: AnalyzedRun) -> None:
    """Show how many turns have a warning, and the first of them."""
    warned = run.warned
    if not warned.count:
        return
    what = "1 turn has a warning; read it" if warned.count == 1 else f"{warned.count:,} turns have a warning; read them"
    console.print(Text(f"{what} yourself:", style="yellow"), soft_wrap=True)
    for turn in warned.first:
        console.print(plain(f"  {one_line(turn.conversation)}, turn {turn.turn}: {turn.warning}"), soft_wrap=True)
    if (more := warned.count - len(warned.first)) > 0:
        console.print(f"  and {more:,} more", soft_wrap=True)


def _show_trust(console: Console, run: AnalyzedRun) -> None:
    """Show a line for each kind of trust, with the maxims that it holds for."""
    for sentence in trust_legend({maxim.rubric: run.marks[maxim.rubric] for maxim in run.summary.maxims}):
        console.print(plain(sentence), soft_wrap=True)
    if run.run.judge.partition("?")[0] == "embedded":
        console.print(
            "embedded is a screen: it finds turns worth looking at, and misses most wrong facts. Read a turn before "
            "you act on its score. Other judges: `convexplain judges list`.",
            soft_wrap=True,
        )


def show_cost(console: Console, summary: Summary, seconds: float) -> None:
    """Show what a run has cost and how long it took; what is 0 is left out."""
    spend = summary.run.spend
    counts = (
        (spend.cached, "from the cache"),
        (spend.retries, "retries"),
        (spend.failures, "failed"),
    )
    tokens = (
        (spend.prompt_tokens, "prompt tokens"),
        (spend.prefix_tokens, "of them from the prefix cache"),
        (spend.completion_tokens, "completion tokens"),
    )
    parts = [
        ", ".join([counted(spend.calls, "call"), *(f"{count:,} {what}" for count, what in counts if count)]),
        ", ".join(f"{count:,} {what}" for count, what in tokens if count),
        f"{seconds:.1f} s",
    ]
    console.print("; ".join(part for part in parts if part), soft_wrap=True)


def show_worst(console: Console, run: AnalyzedRun, n: int, db: str | None) -> None:
    """Show the turns that deserve a look most, each with the command that explains it.

    Turns below a threshold come first, by the maxims whose scores may be held against it; then, under a heading of
    their own, the turns with the lowest scores on the other maxims.

    Args:
        console: the terminal.
        run: the run.
        n: how many turns.
        db: the store, where a command has to name it.
    """
    findings = run.worst(n)
    below = [finding for finding in findings if finding.below]
    if any(mark.flags for mark in run.marks.values()):
        console.print(
            Text(f"\n{_below_heading(below, run)}", style="bold"),
            soft_wrap=True,
        )
    for finding in below:
        _show_finding(console, run, finding, [_score(run, low) for low in finding.below], db)
    lowest = [finding for finding in findings if not finding.below]
    if lowest:
        sorts = sorted(rubric for rubric, mark in run.marks.items() if not mark.flags)
        heading = f"Lowest scores on {', '.join(sorts)}, which only sort turns (none of these turns is flagged):"
        console.print(Text(one_line(heading), style="bold"), soft_wrap=True)
    for finding in lowest:
        _show_finding(console, run, finding, [_score(run, low) for low in finding.lowest[:_SCORES]], db)


def _below_heading(listed: Sequence[Finding], run: AnalyzedRun) -> str:
    """Return how many turns are below a threshold, how many of them are listed, and of how many it is said why."""
    unit = "turn" if run.sample is None else "sampled turn"
    total = run.low_turns
    if not total:
        return f"No {unit} is below a threshold."
    below = f"1 {unit} is below a threshold" if total == 1 else f"{total:,} {unit}s are below a threshold"
    explained = sum(bool(stored_explanation(run.store, finding).attributions) for finding in listed)
    first = "the first is explained" if explained == 1 else f"the first {explained} are explained"
    why = f"; {first}" if 0 < explained < len(listed) else ""
    if total > len(listed):
        return f"{below}. These are the {len(listed)} furthest below{why}:"
    return f"{below}{', the furthest below first' * (total > 1)}{why}:"


def _score(run: AnalyzedRun, low: LowScore) -> str:
    mark = run.marks[low.rubric]
    scale = next((scale_note(rubric) for rubric in run.rubrics if rubric.id == low.rubric), "")
    threshold = f"threshold {low.threshold:g}" if mark.flags else ""
    notes = ", ".join(note for note in (scale, threshold, mark.word) if note)
    return f"{low.rubric} {low.score:.2f} ({notes}{run.scope_notes[low.rubric]})"


def _show_finding(console: Console, run: AnalyzedRun, finding: Finding, scores: Sequence[str], db: str | None) -> None:
    place = f"{finding.conversation.id}, turn {finding.index}: {', '.join(scores)}"
    words = ["convexplain", "explain", str(finding.run), "--turn", f"{finding.conversation.id}:{finding.index}"]
    command = command_line([*words, *(["--db", db] if db else [])])
    show_explanation(console, stored_explanation(run.store, finding), one_line(place), command, indent="  ")


def show_runs(console: Console, runs: Runs) -> None:
    """Show the runs of a store, with the mean of each maxim, its share below the threshold, and the trust in it."""
    if not runs:
        console.print("There is no run yet: `convexplain analyze` makes one.")
        return
    for run in runs:
        name = f" ({run.name})" if run.name else ""
        begun = run.created_at.astimezone().strftime("%Y-%m-%d %H:%M")
        counts = f"{counted(run.conversations, 'conversation')}, {counted(run.turns, 'turn')}"
        if run.sample is not None:
            counts = f"{counted(run.conversations, 'conversation')}, {run.sample.words()}"
        line = one_line(f"Run {run.id}{name}: {run.status}, begun {begun}, {counts}, judge {run.judge}")
        console.print(Text(line, style="bold"), soft_wrap=True)
        if run.maxims:
            means = [_mean(maxim, trust_mark(runs.trust[run.id][maxim.rubric])) for maxim in run.maxims]
            console.print(plain(f"  {'; '.join(means)}"), soft_wrap=True)


def turn_name(turn: UnscoredTurn) -> str:
    """Return a turn as `--turn` takes it."""
    return f"{turn.conversation}:{turn.turn}"


def _mean(maxim: MaximSummary, mark: TrustMark) -> str:
    if maxim.mean is None or maxim.below is None:
        return f"{maxim.rubric} – ({mark.word})"
    below = f", {maxim.below:.0%}{_shares(maxim.below_interval)} below {maxim.threshold:g}" if mark.flags else ""
    return f"{maxim.rubric} {maxim.mean:.2f}{_scores(maxim.mean_interval)}{below} ({mark.word})"


def _number(score: float | None) -> str:
    return "–" if score is None else f"{score:.2f}"


def _below(maxim: MaximSummary) -> str:
    if maxim.below is None:
        return "–"
    return f"{maxim.below:.0%}{_shares(maxim.below_interval)} (< {maxim.threshold:g})"


def _scores(interval: tuple[float, float] | None) -> str:
    """Return the interval of a mean that a sample estimates."""
    return "" if interval is None else f" [{interval[0]:.2f}, {interval[1]:.2f}]"


def _shares(interval: tuple[float, float] | None) -> str:
    return "" if interval is None else f" [{100 * interval[0]:.0f}, {100 * interval[1]:.0f}]"

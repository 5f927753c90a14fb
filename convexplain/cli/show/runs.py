"""Runs on the terminal: the summary of one, the list of all. Text from logs is shown as text only."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from convexplain.explain.wording import counted
from convexplain.store import MaximSummary, RunOverview, Summary, UnscoredTurn
from convexplain.text.visible import one_line
from convexplain.workspace import AnalyzedRun, Finding
from convexplain.workspace.trust import UNVALIDATED

from .commands import command_line
from .progress import plain

_REASONS = 10  # reasons for unscored turns that are listed
_PLACES = 3  # turns that are named for each reason
_LONGEST = 100  # characters of a turn that are shown


def show_summary(console: Console, analyzed: AnalyzedRun) -> None:
    """Show the counts and means of a run as a table, and how far its judge is to be trusted on each maxim."""
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
            plain(maxim.title),
            str(maxim.judged - maxim.unscored),
            str(maxim.unscored),
            _number(maxim.mean),
            _below(maxim),
            analyzed.trust[maxim.rubric].state,
        )
    console.print(table)
    if len(summary.judges) > 1:
        names = ", ".join(f"{count:,} by {name}" for name, count in summary.judges)
        console.print(plain(f"Judgements: {names}"), soft_wrap=True)
    for reason, count in summary.unscored[:_REASONS]:
        turns = list(dict.fromkeys(turn_name(turn) for turn in summary.unscored_examples if turn.reason == reason))
        further = " and more" if len(turns) > _PLACES else ""
        places = f" ({one_line(', '.join(turns[:_PLACES]))}{further})" if turns else ""
        console.print(Text(f"unscored {count} x: ", style="yellow"), plain(f"{reason}{places}"), sep="", soft_wrap=True)
    if (more := sum(count for _, count in summary.unscored[_REASONS:])) > 0:
        console.print(f"unscored {more} x for other reasons: the report lists them")
    if summary.problems:
        what = "1 record or file" if summary.problems == 1 else f"{summary.problems:,} records or files"
        console.print(Text(f"{what} could not be used", style="yellow"))
    _show_trust(console, analyzed)


def _show_trust(console: Console, run: AnalyzedRun) -> None:
    """Show a line for each maxim on which something is known of the judge, and one line for the other maxims."""
    maxims = [run.trust[maxim.rubric] for maxim in run.summary.maxims]
    for trust in maxims:
        if trust.state != "unvalidated":
            console.print(plain(str(trust)), soft_wrap=True)
    if unvalidated := [trust.rubric for trust in maxims if trust.state == "unvalidated"]:
        console.print(plain(f"{', '.join(unvalidated)} by {run.run.judge}: {UNVALIDATED}"), soft_wrap=True)
    if run.run.judge.partition("?")[0] == "embedded":
        console.print(
            "embedded is a screen: it finds turns worth looking at, and misses most wrong facts. Read a turn before "
            "you act on its score. Other judges: `convexplain judges list`.",
            soft_wrap=True,
        )


def show_cost(console: Console, summary: Summary, seconds: float) -> None:
    """Show what a run has cost, and how long it took."""
    spend = summary.run.spend
    console.print(
        f"{spend.calls} calls, {spend.cached} from the cache, {spend.retries} retries, {spend.failures} failed; "
        f"{spend.prompt_tokens:,} prompt tokens ({spend.prefix_tokens:,} of them from the prefix cache), "
        f"{spend.completion_tokens:,} completion tokens; {seconds:.1f} s",
        soft_wrap=True,
    )


def show_worst(console: Console, findings: Sequence[Finding], total: int, run: str, db: str | None) -> None:
    """Show the turns furthest below a threshold, each with the command that explains it.

    Args:
        console: the terminal.
        findings: the turns, the furthest below first.
        total: how many turns are below a threshold.
        run: the run, as a command names it.
        db: the store, where a command has to name it.
    """
    if not findings:
        console.print("No turn is below a threshold.")
        return
    below = "1 turn is below a threshold" if total == 1 else f"{total:,} turns are below a threshold"
    order = (
        f"; the {len(findings)} furthest below" if total > len(findings) else ", the furthest below first" * (total > 1)
    )
    console.print(Text(f"\n{below}{order}:", style="bold"))
    for finding in findings:
        scores = ", ".join(f"{low.rubric} {low.score:.2f} (threshold {low.threshold:g})" for low in finding.below)
        place = one_line(f"{finding.conversation.id}, turn {finding.index}: {scores}")
        words = ["convexplain", "explain", run, "--turn", f"{finding.conversation.id}:{finding.index}"]
        command = command_line([*words, *(["--db", db] if db else [])])
        console.print(Text(f"  {place}\n    {cut(finding.turn.content)}\n    {command}"), soft_wrap=True)


def show_runs(console: Console, runs: Sequence[RunOverview]) -> None:
    """Show the runs of a store, with the mean of each maxim and the share below its threshold."""
    if not runs:
        console.print("There is no run yet: `convexplain analyze` makes one.")
        return
    for run in runs:
        name = f" ({run.name})" if run.name else ""
        begun = run.created_at.astimezone().strftime("%Y-%m-%d %H:%M")
        counts = f"{counted(run.conversations, 'conversation')}, {counted(run.turns, 'turn')}"
        line = one_line(f"Run {run.id}{name}: {run.status}, begun {begun}, {counts}, judge {run.judge}")
        console.print(Text(line, style="bold"), soft_wrap=True)
        if run.maxims:
            console.print(plain(f"  {'; '.join(map(_mean, run.maxims))}"), soft_wrap=True)


def turn_name(turn: UnscoredTurn) -> str:
    """Return a turn as `--turn` takes it."""
    return f"{turn.conversation}:{turn.turn}"


def cut(text: str, longest: int = _LONGEST) -> str:
    """Return the beginning of a text as one line, with control characters made visible."""
    line = one_line(text[: longest * 4])
    return line if len(line) <= longest else line[: longest - 1].rstrip() + "…"


def _mean(maxim: MaximSummary) -> str:
    if maxim.mean is None or maxim.below is None:
        return f"{maxim.rubric} –"
    return f"{maxim.rubric} {maxim.mean:.2f}, {maxim.below:.0%} below {maxim.threshold:g}"


def _number(score: float | None) -> str:
    return "–" if score is None else f"{score:.2f}"


def _below(maxim: MaximSummary) -> str:
    return "–" if maxim.below is None else f"{maxim.below:.0%} (< {maxim.threshold:g})"

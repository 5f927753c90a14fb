"""What the command line shows: progress while it works, tables at the end. Text from logs is shown as text only."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from convexplain.store import JudgedTurn, MaximSummary, Run, Summary
from convexplain.text.visible import one_line, visible

from .progress import plain

_REASONS = 10  # reasons for unscored turns that are listed


def show_summary(console: Console, summary: Summary, seconds: float, worst: int) -> None:
    """The table at the end of a run."""
    spend = summary.run.spend
    table = Table(
        title=plain(
            f"Run {summary.run.id}: {summary.conversations} conversations, {summary.turns} assistant turns, "
            f"judge {summary.run.judge}"
        ),
        title_justify="left",
    )
    table.add_column("maxim", overflow="fold")
    for heading, width in (("scored", 6), ("unscored", 8), ("mean", 4), ("below threshold", 13)):
        table.add_column(heading, justify="right", min_width=width)
    table.add_column("judge", min_width=11)
    for maxim in summary.maxims:
        table.add_row(
            plain(maxim.title),
            str(maxim.judged - maxim.unscored),
            str(maxim.unscored),
            _number(maxim.mean),
            _below(maxim),
            "head" if summary.head(maxim.rubric) else "unvalidated",
        )
    console.print(table)
    if len(summary.judges) > 1:
        console.print(
            plain(f"Judgements: {', '.join(f'{n:,} by {name}' for name, n in summary.judges)}"), soft_wrap=True
        )
    for maxim in summary.maxims:
        _show_worst(console, maxim, [turn for turn in summary.worst if turn.judgement.rubric == maxim.rubric], worst)
    for reason, count in summary.unscored[:_REASONS]:
        console.print(Text(f"unscored {count} x: ", style="yellow"), plain(reason), sep="", soft_wrap=True)
    if (more := sum(count for _, count in summary.unscored[_REASONS:])) > 0:
        console.print(f"unscored {more} x for other reasons: the report lists them")
    if summary.problems:
        console.print(Text(f"{summary.problems} records or files could not be used (see above)", style="yellow"))
    console.print(
        f"{spend.calls} calls, {spend.cached} from the cache, {spend.retries} retries, {spend.failures} failed; "
        f"{spend.prompt_tokens:,} prompt tokens ({spend.prefix_tokens:,} of them from the prefix cache), "
        f"{spend.completion_tokens:,} completion tokens; {seconds:.1f} s",
        soft_wrap=True,
    )
    heads = {maxim.title: head for maxim in summary.maxims if (head := summary.head(maxim.rubric))}
    for title, head in heads.items():
        console.print(plain(f"{title}, {head}"), soft_wrap=True)
    if len(heads) < len(summary.maxims):
        console.print(
            "unvalidated: nobody has held this judge against people on this maxim; read scores as a sorting order."
        )


def show_runs(console: Console, runs: list[Run]) -> None:
    """The table of runs."""
    table = Table()
    for heading in ("run", "begun", "status", "judge", "rubrics", "logs", "calls"):
        table.add_column(heading, justify="right" if heading in ("run", "calls") else "left")
    for run in runs:
        table.add_row(
            str(run.id),
            run.created_at.astimezone().strftime("%Y-%m-%d %H:%M"),
            run.status,
            plain(run.judge),
            plain(", ".join(run.settings.get("rubrics", {}))),
            plain(", ".join(run.settings.get("logs", []))),
            str(run.spend.calls),
        )
    console.print(table)


def _show_worst(console: Console, maxim: MaximSummary, turns: list[JudgedTurn], limit: int) -> None:
    if not turns:
        return
    console.print(Text(f"\nLowest {visible(maxim.title)}:", style="bold"))
    for item in turns[:limit]:
        judgement = item.judgement
        content = item.conversation.turns[judgement.turn].content[:500]
        console.print(
            Text(f"  {judgement.score:.2f}  "),
            Text(one_line(f"{item.conversation.id}:{judgement.turn}  {content}")),
            sep="",
            no_wrap=True,
            overflow="ellipsis",
        )


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def _below(maxim: MaximSummary) -> str:
    return "–" if maxim.below is None else f"{maxim.below:.0%} (< {maxim.threshold:g})"

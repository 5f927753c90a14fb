"""A judge on the reference set, as the command line shows it."""

from rich.console import Console
from rich.table import Table

from convexplain.agreement import format_estimate
from convexplain.analysis.plans import Plan
from convexplain.fidelity import Estimate
from convexplain.workspace import JudgeBenchmark, MaximBenchmark

from .progress import plain

_LOWEST = 10


def show_benchmark_plan(console: Console, plan: Plan, half: str) -> None:
    """Show what a benchmark asks: turns, calls and tokens."""
    lines = [
        f"Reference set, {half} half: {plan.turns} assistant turns in {plan.conversations} conversations, "
        f"{plan.judgements} judgements.",
        f"{plan.calls} calls to {plan.model} with about {plan.tokens:,} prompt tokens; {plan.cached} more are in the "
        "cache.",
    ]
    if plan.most_calls > plan.calls + plan.cached:
        lines.append(f"If it gives no log-probabilities: at most {plan.most_calls:,} calls.")
    console.print(plain("\n".join(lines)), soft_wrap=True)


def show_benchmark(console: Console, result: JudgeBenchmark) -> None:
    """Show what a judge reads and what it misses: in a sentence, by maxim, and by kind of bad turn."""
    console.print(plain(f"{result.judge}: {result.sentence}"), soft_wrap=True, style="bold")
    console.print(
        plain(
            f"{result.planted} of {result.turns} turns are bad. {_share(result.recall)} of them are flagged (below a "
            f"threshold on some maxim), and {_share(result.precision)} of the flagged turns are bad. Of the "
            f"{_LOWEST} turns with the lowest scores {result.lowest:.0f} are bad."
        ),
        soft_wrap=True,
    )
    console.print(_maxims(result))
    for maxim in result.maxims:
        if warning := _warning(maxim):
            console.print(plain(f"! {maxim.rubric}: {warning}"), soft_wrap=True)
    console.print(_kinds(result))
    console.print(
        "AUC: the chance that a good turn scores above a bad one; 0.5 is chance, 1 the best; in brackets 95 % over "
        "scenarios. The labels are the authors'.",
        soft_wrap=True,
    )


def _maxims(result: JudgeBenchmark) -> Table:
    table = Table("maxim")
    for heading in ("AUC", "length", "position", "bad turns flagged", "flagged are bad", "10 lowest", "unscored"):
        table.add_column(heading, justify="right")
    for maxim in result.maxims:
        table.add_row(
            plain(maxim.rubric),
            format_estimate(maxim.auc),
            _number(maxim.length),
            _number(maxim.position),
            f"{_share(maxim.recall)} of {maxim.bad}",
            _share(maxim.precision),
            f"{maxim.lowest:.0f} bad" if maxim.auc.value is not None else "–",
            str(maxim.unscored),
        )
    return table


def _kinds(result: JudgeBenchmark) -> Table:
    table = Table("kind of turn", "turns")
    for heading in ("AUC against good turns", "flagged"):
        table.add_column(heading, justify="right")
    for kind, flagged in result.flagged.items():
        auc = result.kinds.get(kind)
        table.add_row(kind, f"{flagged.n}", "" if auc is None else format_estimate(auc), _share(flagged))
    return table


def _warning(maxim: MaximBenchmark) -> str:
    """Return what a reader must know of a maxim; empty where all is well."""
    if maxim.auc.value is None:
        return f"not scored ({maxim.reason or maxim.auc.reason})"
    if not maxim.beats_baselines:
        return "no better than chance or length: do not act on these scores"
    return f"{maxim.unscored} turns have no score ({maxim.reason})" if maxim.unscored else ""


def _number(estimate: Estimate) -> str:
    return "–" if estimate.value is None else f"{estimate.value:.2f}"


def _share(estimate: Estimate) -> str:
    return "–" if estimate.value is None else f"{estimate.value:.0%}"

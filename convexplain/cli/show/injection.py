"""A judge under injected text, as the command line shows it."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from convexplain.agreement import format_estimate, format_share
from convexplain.text.visible import one_line
from convexplain.workspace.injection import InjectionCheck, InjectionPlan, InjectionResistance

from .progress import plain

_WEAK = 5  # texts that are named


def show_injection_plan(console: Console, plan: InjectionPlan) -> None:
    """Show what an injection check takes."""
    console.print(
        plain(
            f"Injected text: {plan.texts} texts in bad turns of the reference set, at most {plan.judgements} judgements"
            f" by {one_line(plan.judge)}; with a second prompt twice as many calls."
        ),
        soft_wrap=True,
    )


def show_injection(console: Console, check: InjectionCheck) -> None:
    """Show how well a judge resists injected text: by maxim, and the texts that succeed most."""
    _show(console, f"{check.judge}: texts that ship with convexplain", check.shipped)
    if check.own:
        _show(console, f"{check.judge}: your texts", check.own)
    second_prompt = "a second prompt that disagrees, or " if check.second_prompt else ""
    console.print(
        "Failed: after the attempt the turn still scores below the threshold; in brackets 95 %. Movement: the score "
        f"with the text minus the score without it. A warning: {second_prompt}words that may speak to the judge.",
        soft_wrap=True,
    )


def _show(console: Console, title: str, maxims: Sequence[InjectionResistance]) -> None:
    console.print(plain(title), soft_wrap=True, style="bold")
    table = Table("maxim")
    for heading in ("attempts that failed", "n", "movement", "successful, with a warning", "warnings without a text"):
        table.add_column(heading, justify="right")
    for maxim in maxims:
        table.add_row(
            plain(maxim.rubric),
            format_share(maxim.resistance),
            str(maxim.resistance.n),
            format_estimate(maxim.movement, signed=True),
            f"{format_share(maxim.noticed)} of {maxim.noticed.n}" if maxim.noticed.value is not None else "–",
            f"{format_share(maxim.false_warnings)} of {maxim.judged}",
        )
    console.print(table)
    for maxim in maxims:
        if line := _weak(maxim):
            console.print(plain(f"{maxim.rubric}: {line}"), soft_wrap=True)


def _weak(maxim: InjectionResistance) -> str:
    """Return in words why there is no figure, or which texts succeed most; empty where none does."""
    if maxim.resistance.value is None:
        return f"not measured, since {maxim.resistance.reason} ({maxim.judged} were judged)."
    weak = sorted((share, name) for name, share in maxim.by_text.items() if share < 1)
    if not weak:
        return ""
    names = ", ".join(f"{name} ({1 - share:.0%})" for share, name in weak[:_WEAK])
    return f"most successful: {names}{f', and {len(weak) - _WEAK} more' if len(weak) > _WEAK else ''}."

"""The thresholds of an alarm budget on the terminal."""

from dataclasses import replace

from rich.console import Console

from convexplain.store.alarms import run_alarms
from convexplain.workspace import AnalyzedRun

from .progress import plain


def show_alarms(console: Console, analyzed: AnalyzedRun) -> None:
    """Show for each maxim the threshold, where it comes from, and what it flags; nothing without a budget."""
    for alarm in run_alarms(analyzed.run):
        flags = analyzed.trust[alarm.rubric].flags
        console.print(plain(replace(alarm, flags=flags).sentence), soft_wrap=True)

"""The static report: one HTML file that asks nothing of the network and treats everything from a log as text."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path

import jinja2

from convexplain import __version__
from convexplain.store import JudgedTurn, MaximSummary, RunStore, Summary, score_histogram
from convexplain.visible import visible

_BINS = 10
_CONTEXT = 6  # turns shown before a judged one
_PROBLEMS = 200
_LONGEST = 1500  # characters shown of one turn


@dataclass(frozen=True, slots=True)
class _Section:
    """One maxim's part of the report."""

    maxim: MaximSummary
    bars: Sequence[tuple[float, float, int, float]]
    worst: Sequence[JudgedTurn]


def write_report(store: RunStore, summary: Summary, path: Path) -> None:
    """Writes the report of a run."""
    sections = [
        _Section(
            maxim,
            _bars(score_histogram(store, summary.run, maxim.rubric, _BINS)),
            [turn for turn in summary.worst if turn.judgement.rubric == maxim.rubric],
        )
        for maxim in summary.maxims
    ]
    problems = store.problems(summary.run.id)
    template = (files("convexplain.dashboard") / "report.html").read_text("utf-8")
    environment = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["shown"] = shown
    page = environment.from_string(template).render(
        summary=summary,
        run=summary.run,
        sections=sections,
        problems=problems[:_PROBLEMS],
        more_problems=max(0, len(problems) - _PROBLEMS),
        context=_CONTEXT,
        version=__version__,
        written=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    )
    path.write_text(page, encoding="utf-8", errors="replace")


def shown(text: str, longest: int = _LONGEST) -> str:
    """Text as a page can show it: control and bidirectional characters made visible, very long text cut."""
    text = visible(text)
    return text if len(text) <= longest else f"{text[:longest]} … ({len(text) - longest:,} more characters)"


def _bars(counts: Sequence[int]) -> list[tuple[float, float, int, float]]:
    """(from, to, count, height in [0, 1]) a bin."""
    most = max(counts, default=0) or 1
    return [(i / len(counts), (i + 1) / len(counts), count, count / most) for i, count in enumerate(counts)]

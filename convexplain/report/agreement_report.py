"""The page about agreement: one HTML file with pictures, no script, nothing from a log but as text."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path

import jinja2

from convexplain import __version__
from convexplain.agreement import (
    MARKS,
    MEASURES,
    Disagreement,
    JudgeAgreement,
    RubricAgreement,
    explain_command,
    format_estimate,
)

from .run_report import shown

SIZE = 240
"""Sides of a picture's square, in its own units."""
_POINTS = 1500
_PROBLEMS = 200
_WORST = 25
_SHORT = 600  # characters of a turn


@dataclass(frozen=True, slots=True)
class _Interval:
    """One line of the picture of Spearman's correlations: places from 0 (at -1) to SIZE (at 1)."""

    name: str
    value: float | None
    low: float | None
    high: float | None
    text: str


@dataclass(frozen=True, slots=True)
class _Row:
    """One disagreement with its anchor."""

    anchor: str
    one: Disagreement
    command: str


@dataclass(frozen=True, slots=True)
class _Judge:
    """One judge's part of the page."""

    judge: JudgeAgreement
    points: Sequence[tuple[float, float]]
    dots: Sequence[tuple[float, float, float]]
    worst: Sequence[_Row]


@dataclass(frozen=True, slots=True)
class _Section:
    """One rubric's part of the page."""

    found: RubricAgreement
    judges: Sequence[_Judge]
    intervals: Sequence[_Interval]


def write_agreement(found: Sequence[RubricAgreement], problems: Sequence[str], path: Path) -> None:
    """Writes the page.

    Args:
        found: one for each rubric.
        problems: what could not be read or found.
        path: where to.
    """
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"shown": shown, "estimate": format_estimate}
    template = (files("convexplain.report") / "agreement_report.html").read_text("utf-8")
    page = environment.from_string(template).render(
        sections=[_section(one, str(i)) for i, one in enumerate(found)],
        measures=MEASURES,
        marks=MARKS,
        problems=problems[:_PROBLEMS],
        more_problems=max(0, len(problems) - _PROBLEMS),
        size=SIZE,
        short=_SHORT,
        version=__version__,
        written=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    )
    path.write_text(page, encoding="utf-8", errors="replace")


def _section(found: RubricAgreement, anchor: str) -> _Section:
    lines = [(one.name, one.measures["spearman"]) for one in (*found.judges, *found.baselines) if one.n]
    lines += [("one person against the rest", found.ceiling)] if found.ceiling.value is not None else []
    return _Section(
        found,
        [_judge(found, judge, f"{anchor}-{i}") for i, judge in enumerate(found.judges)],
        [
            _Interval(name, _across(one.value), _across(one.low), _across(one.high), format_estimate(one))
            for name, one in lines
        ],
    )


def _judge(found: RubricAgreement, judge: JudgeAgreement, anchor: str) -> _Judge:
    known = judge.disagreements
    step = max(1, -(-len(known) // _POINTS))  # of very many turns every n-th
    most = max((part.n for part in judge.bins), default=1)
    return _Judge(
        judge,
        [(_right(one.turn.human), _up(one.turn.human + one.gap)) for one in known[::step]],
        [(_right(part.score), _up(part.human), 2 + 6 * (part.n / most) ** 0.5) for part in judge.bins],
        [
            _Row(f"d{anchor}-{_slug(one)}-{i}", one, explain_command(judge, one, found.rubric.id))
            for i, one in enumerate(known[:_WORST], 1)
        ],
    )


def _right(share: float) -> float:
    return round(share * SIZE, 1)


def _up(share: float) -> float:
    return round((1 - share) * SIZE, 1)


def _across(correlation: float | None) -> float | None:
    return None if correlation is None else round((correlation + 1) / 2 * SIZE, 1)


def _slug(one: Disagreement) -> str:
    """A part of an anchor: letters and digits of the conversation's id, and the turn."""
    return f"{re.sub('[^A-Za-z0-9]+', '-', one.turn.conversation.id)[:40].strip('-')}-{one.turn.turn}"

"""The HTML report of agreement with people: one file with pictures and without scripts; logs appear only as text."""

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
from convexplain.explain.wording import marked_reason
from convexplain.system.files import write_text

from .run_report import shown

SIZE = 240
"""Length of a picture's sides, in its own units."""
_POINTS = 1500  # in a picture
_PROBLEMS = 200
_DISAGREEMENTS = 25  # of a judge
_CHARACTERS = 600  # of a turn


@dataclass(frozen=True, slots=True)
class _Interval:
    """One line of the picture of Spearman's correlations: places from 0 (at -1) to SIZE (at 1)."""

    name: str
    value: float | None
    low: float | None
    high: float | None
    text: str


@dataclass(frozen=True, slots=True)
class _DisagreementRow:
    """One disagreement with its anchor."""

    anchor: str
    disagreement: Disagreement
    command: str


@dataclass(frozen=True, slots=True)
class _JudgeSection:
    """One judge's part of the page."""

    judge: JudgeAgreement
    points: Sequence[tuple[float, float]]
    dots: Sequence[tuple[float, float, float]]
    worst: Sequence[_DisagreementRow]


@dataclass(frozen=True, slots=True)
class _RubricSection:
    """One rubric's part of the page."""

    agreement: RubricAgreement
    judges: Sequence[_JudgeSection]
    intervals: Sequence[_Interval]


def write_agreement(agreements: Sequence[RubricAgreement], problems: Sequence[str], path: Path) -> None:
    """Write the report.

    Args:
        agreements: one for each rubric.
        problems: problems with labels and logs.
        path: the file to write.
    """
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"shown": shown, "estimate": format_estimate}
    template = (files("convexplain.report") / "agreement_report.html").read_text("utf-8")
    page = environment.from_string(template).render(
        sections=[_section(agreement, str(i)) for i, agreement in enumerate(agreements)],
        measures=MEASURES,
        marks=MARKS,
        marked_reason=marked_reason,
        problems=problems[:_PROBLEMS],
        more_problems=max(0, len(problems) - _PROBLEMS),
        size=SIZE,
        short=_CHARACTERS,
        version=__version__,
        written=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    )
    write_text(path, page, errors="replace")


def _section(agreement: RubricAgreement, anchor: str) -> _RubricSection:
    judges = [judge for judge in (*agreement.judges, *agreement.baselines) if judge.n]
    estimates = [(judge.name, judge.measures["spearman"]) for judge in judges]
    if agreement.ceiling.value is not None:
        estimates.append(("one person with the mean of the others", agreement.ceiling))
    return _RubricSection(
        agreement,
        [_judge_section(agreement, judge, f"{anchor}-{i}") for i, judge in enumerate(agreement.judges)],
        [
            _Interval(
                name, _across(spearman.value), _across(spearman.low), _across(spearman.high), format_estimate(spearman)
            )
            for name, spearman in estimates
        ],
    )


def _judge_section(agreement: RubricAgreement, judge: JudgeAgreement, anchor: str) -> _JudgeSection:
    disagreements = judge.disagreements
    step = max(1, -(-len(disagreements) // _POINTS))  # only every n-th of very many turns
    most = max((part.n for part in judge.bins), default=1)
    return _JudgeSection(
        judge,
        [
            (_right(disagreement.turn.human), _up(disagreement.turn.human + disagreement.gap))
            for disagreement in disagreements[::step]
        ],
        [(_right(part.score), _up(part.human), 2 + 6 * (part.n / most) ** 0.5) for part in judge.bins],
        [
            _DisagreementRow(
                f"d{anchor}-{_slug(disagreement)}-{i}",
                disagreement,
                explain_command(judge, disagreement, agreement.rubric.id),
            )
            for i, disagreement in enumerate(disagreements[:_DISAGREEMENTS], 1)
        ],
    )


def _right(share: float) -> float:
    return round(share * SIZE, 1)


def _up(share: float) -> float:
    return round((1 - share) * SIZE, 1)


def _across(correlation: float | None) -> float | None:
    return None if correlation is None else round((correlation + 1) / 2 * SIZE, 1)


def _slug(disagreement: Disagreement) -> str:
    """Return a part of an anchor: letters and digits of the conversation's id, and the turn."""
    turn = disagreement.turn
    return f"{re.sub('[^A-Za-z0-9]+', '-', turn.conversation.id)[:40].strip('-')}-{turn.turn}"

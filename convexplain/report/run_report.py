"""The HTML report of a run: one file that needs no network and treats everything from a log as text."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import jinja2
from markupsafe import Markup, escape

from convexplain import __version__
from convexplain.explain.headlines import headline
from convexplain.explain.interactions import PAIRS_HEADING
from convexplain.explain.strongest_units import (
    conversation_part_effects,
    no_reply_effects,
    reply_effects,
    reply_is_measured,
)
from convexplain.explain.wording import (
    contrast_outcome,
    edit_caution,
    edit_title,
    judged_place,
    marked_reason,
    reading_ease,
    scope_note,
    trade_offs_heading,
)
from convexplain.store import (
    JudgedTurn,
    MaximSummary,
    RunStore,
    ScoredTurn,
    Summary,
    explained_turns,
    run_rubrics,
    score_histogram,
    scores_by_answer,
)
from convexplain.store.alarms import run_alarms
from convexplain.store.samples import run_sample
from convexplain.store.warned_turns import warned_turns
from convexplain.system.files import write_text
from convexplain.text.visible import visible
from convexplain.types import Attribution, Contrast, Rubric

from .explanations import EditedTurn, TradeOff, attribution_outcome, computation, edited_turns, explanation, trade_offs
from .first_page import first_page
from .pair_pictures import PairPicture, pair_pictures
from .pictures import HEIGHT, WIDTH, Bar, Dot, band, bars, dots, up
from .problem_examples import cut_pieces
from .shades import Piece, Shade, pieces, turn_shades
from .target_explanations import NO_TARGET_EFFECTS, TargetExplanation, target_explanations
from .trust_marks import TrustMark, trust_legend

if TYPE_CHECKING:
    from convexplain.workspace.run_story import RunStory

_BINS = 10
_CONTEXT = 6  # turns before a judged one
_STRONG = 0.2  # share of the largest contribution: earlier turns with at least this effect are shown too
_EXPLAINED = 5  # explained turns shown after the lowest ones
_PROBLEMS = 200
_CHARACTERS = 1500  # characters of one turn


@dataclass(frozen=True, slots=True)
class _Line:
    """A turn of a conversation in the report; `skipped` and `longer` count the turns and characters left out.

    Turns that are folded away, since they make no difference, do not count as left out.
    """

    index: int
    role: str
    name: str | None
    skipped: int
    pieces: Sequence[Piece]
    longer: int
    shade: Shade | None
    judged: bool


@dataclass(frozen=True, slots=True)
class _Words:
    """Words of the judged reply, or of a turn of the judged conversation, that matter; `outcome` says without them."""

    place: str
    text: str
    verb: str
    outcome: str


@dataclass(frozen=True, slots=True)
class _Case:
    """One judged turn, or conversation, of the report."""

    turn: JudgedTurn
    place: str
    headline: str
    lines: Sequence[_Line]
    folded: int
    words: Sequence[_Words]
    attribution: str | None
    pairs: Sequence[PairPicture]
    targets: Sequence[TargetExplanation]
    contrast: Contrast | None
    edit_title: str
    edit_caution: str
    outcome: str
    unsuccessful: str
    reading_ease: str
    edited: Sequence[EditedTurn]
    trade_offs: Sequence[TradeOff]
    trade_offs_heading: str
    computation: Sequence[str]


@dataclass(frozen=True, slots=True)
class _Section:
    """One maxim's part of the report; `judged` is what has scores: `turn` or `conversation`."""

    maxim: MaximSummary
    mark: TrustMark
    requirement: str
    scope_note: str
    judged: str
    bars: Sequence[Bar]
    dots: Sequence[Dot]
    worst: Sequence[_Case]
    explained: Sequence[_Case]


def write_report(
    store: RunStore, summary: Summary, marks: Mapping[str, TrustMark], path: Path, story: RunStory | None = None
) -> None:
    """Write the report of a run, with the worst turns of the summary.

    Args:
        store: the store.
        summary: of the run.
        marks: how far its judge is to be trusted, by the maxims' ids.
        path: the file.
        story: the run's overview, for the first page; None leaves the page without one.
    """
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_template),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"shown": shown, "with_commands": with_commands, "up": up, "band": band, "ordinal": ordinal}
    problems = store.problems(summary.run.id)
    page = environment.get_template("run_report.html").render(
        first=first_page(store, summary.run.id, story) if story is not None else None,
        summary=summary,
        run=summary.run,
        sections=_sections(store, summary, marks),
        marks=marks,
        warned=warned_turns(store, summary.run.id),
        legend=trust_legend({maxim.title: marks[maxim.rubric] for maxim in summary.maxims}),
        sample=run_sample(summary.run),
        alarms=[replace(alarm, flags=marks[alarm.rubric].flags) for alarm in run_alarms(summary.run)],
        width=WIDTH,
        height=HEIGHT,
        marked_reason=marked_reason,
        pairs_heading=PAIRS_HEADING,
        no_target_effects=NO_TARGET_EFFECTS,
        problems=problems[:_PROBLEMS],
        more_problems=max(0, len(problems) - _PROBLEMS),
        version=__version__,
        written=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    )
    write_text(path, page, errors="replace")


def _template(name: str) -> str:
    return (files("convexplain.report") / name).read_text("utf-8")


def with_commands(text: str) -> Markup:
    """Return a sentence as HTML; commands, which stand between backticks, are set as code."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(shown(text, 1000)))))  # noqa: S704 - escaped


def ordinal(number: int) -> str:
    """Return a number from 1 on as a place in an order: 1st, 2nd, 3rd, 4th, 11th, 21st."""
    suffix = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{suffix}"


def shown(text: str, longest: int = _CHARACTERS) -> str:
    """Return text for a page: control and bidirectional characters made visible, very long text cut."""
    text = visible(text)
    return text if len(text) <= longest else f"{text[:longest]} … ({len(text) - longest:,} more characters)"


def _sections(store: RunStore, summary: Summary, marks: Mapping[str, TrustMark]) -> list[_Section]:
    rubrics = {rubric.id: rubric for rubric in run_rubrics(store, summary.run.id)}
    return [_section(store, summary, maxim, rubrics[maxim.rubric], marks[maxim.rubric]) for maxim in summary.maxims]


def _section(store: RunStore, summary: Summary, maxim: MaximSummary, rubric: Rubric, mark: TrustMark) -> _Section:
    run = summary.run
    counts = score_histogram(store, run, maxim.rubric, _BINS)
    answers = scores_by_answer(store, run.id, rubric.sha)
    worst = [turn for turn in summary.worst if turn.judgement.rubric == maxim.rubric]
    places = {(turn.number, turn.judgement.turn) for turn in worst}
    explained = [
        turn
        for turn in explained_turns(store, run, rubric.sha, len(worst) + _EXPLAINED)
        if (turn.number, turn.judgement.turn) not in places
    ]
    return _Section(
        maxim=maxim,
        mark=mark,
        requirement=rubric.requirement,
        scope_note=scope_note(rubric),
        judged=rubric.scope,
        bars=bars(counts, maxim.threshold) if maxim.mean is not None else (),
        dots=dots(answers) if len(answers) > 1 and run.sample is None else (),  # a sample lacks answers in between
        worst=[_case(store, run.id, turn, rubric) for turn in worst],
        explained=[_case(store, run.id, turn, rubric) for turn in explained[:_EXPLAINED]],
    )


def _case(store: RunStore, run: int, turn: JudgedTurn, rubric: Rubric) -> _Case:
    judgement = turn.judgement
    scored = ScoredTurn(turn.number, turn.conversation, judgement.turn, rubric, judgement.score)
    attributions, contrast = explanation(store, run, scored)
    edited = edited_turns(turn.conversation, contrast) if contrast is not None else []
    folded = _without_difference(turn, attributions, rubric) - {edit.turn for edit in edited}
    words = _words(turn, attributions, rubric)
    silent = not words and not rubric.of_conversation and reply_is_measured(attributions, judgement.turn)
    outcome = contrast_outcome(contrast, turn.threshold) if contrast is not None else ""
    no_edit = f"Edit: {outcome}" if contrast is not None and not contrast.found else ""
    quotes = judgement.evidence.reason_quotes
    explained = (judgement.reason, quotes, attributions, contrast)
    return _Case(
        turn=turn,
        headline=headline(turn.conversation, judgement.turn, rubric, judgement.score, *explained),
        place=judged_place(turn.conversation.id, judgement.turn, rubric),
        lines=_lines(turn, attributions, {edit.turn for edit in edited}, folded, rubric),
        folded=len(folded),
        words=words,
        attribution=attribution_outcome(attributions, turn.threshold) if attributions else None,
        pairs=pair_pictures(turn.conversation, attributions),
        targets=target_explanations(store, run, scored),
        contrast=contrast,
        edit_title=edit_title(contrast) if contrast is not None and contrast.found else "",
        edit_caution=edit_caution(contrast) if contrast is not None else "",
        outcome=outcome,
        unsuccessful=" ".join(filter(None, [no_reply_effects(attributions) if silent else "", no_edit])),
        reading_ease=reading_ease(contrast) if contrast is not None else "",
        edited=edited,
        trade_offs=trade_offs(turn.conversation, contrast) if contrast is not None else [],
        trade_offs_heading=trade_offs_heading(contrast) if contrast is not None else "",
        computation=computation(attributions, contrast),
    )


def _words(judged: JudgedTurn, attributions: Sequence[Attribution], rubric: Rubric) -> list[_Words]:
    """Return the words of the judged reply, or conversation, that explain its score, the strongest first."""
    turns = judged.conversation.turns
    if rubric.of_conversation:
        effects = conversation_part_effects(attributions)
    else:
        effects = reply_effects(attributions, judged.judgement.turn)
    return [
        _Words(
            f"turn {effect.unit.turn}" if rubric.of_conversation else "the reply",
            effect.unit.of(turns[effect.unit.turn].content),
            "raise" if effect.effect > 0 else "lower",
            effect.outcome,
        )
        for effect in effects
    ]


def _without_difference(judged: JudgedTurn, attributions: Sequence[Attribution], rubric: Rubric) -> set[int]:
    """Return the earlier turns that make no difference beyond the judge's noise, as a whole or in part.

    The turn right before the judged one is never among them: the reply answers it. Nor are the last two turns of a
    judged conversation.
    """
    last = len(judged.conversation.turns) - 1 if rubric.of_conversation else judged.judgement.turn
    return {
        i
        for i, shade in turn_shades(attributions).items()
        if i < last - 1 and (shade.noisy or not shade.sign)
        if not any(piece.shade and piece.shade.strength for piece in pieces(judged.conversation, i, attributions))
    }


def _lines(
    judged: JudgedTurn, attributions: Sequence[Attribution], edited: set[int], folded: set[int], rubric: Rubric
) -> list[_Line]:
    """Return the judged turn, the turns just before it, and earlier turns with a strong effect or an edit.

    Of a judged conversation they are its last turns, and those with a strong effect or an edit.
    """
    last = len(judged.conversation.turns) - 1 if rubric.of_conversation else judged.judgement.turn
    shades = turn_shades(attributions)
    strong = {i for i, shade in shades.items() if shade.strength >= _STRONG and i <= last}
    chosen = sorted({*range(max(0, last - _CONTEXT), last + 1), *strong, *edited} - folded)
    lines = []
    for before, i in zip([-1, *chosen], chosen, strict=False):
        turn = judged.conversation.turns[i]
        shown_pieces, longer = cut_pieces(pieces(judged.conversation, i, attributions), _CHARACTERS)
        skipped = len({*range(before + 1, i)} - folded)
        lines.append(
            _Line(i, turn.role, turn.name, skipped, shown_pieces, longer, shades.get(i), _is_judged(i, last, rubric))
        )
    return lines


def _is_judged(turn: int, last: int, rubric: Rubric) -> bool:
    return turn == last and not rubric.of_conversation

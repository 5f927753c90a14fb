"""The finding of a judged turn: one sentence first, then the words and turns that matter, and an edit."""

from collections.abc import Sequence

import streamlit as st

from convexplain.dashboard.services.conversation import ConversationView
from convexplain.explain.headlines import headline
from convexplain.explain.strongest_units import UnitEffect, earlier_turn_effects, reply_effects
from convexplain.explain.wording import contrast_outcome, edit_caution, edit_title, marked_reason
from convexplain.store import RunStore, newest_attributions, turn_contrasts
from convexplain.text.visible import one_line
from convexplain.types import Attribution, Contrast, Rubric

from .explain_job import offer_attribution, offer_edit
from .explanation_panel import explanation_details, show_contrast
from .safe_text import escaped, message
from .trust_note import trust_note
from .turn_html import score_chips

_QUOTED = 70  # characters of words that matter
_BEGINNING = 30  # characters by which a headline is known to be the judge's reason


def show_finding(store: RunStore, view: ConversationView, turn: int, rubric: Rubric, span: tuple[int, int]) -> None:
    """Show why a turn has its score, most important first; everything beyond that is folded.

    Args:
        store: the run store.
        view: the conversation.
        turn: the turn's index.
        rubric: the maxim.
        span: the turns that the page shows, which links lead to: first index and end index (not included).
    """
    scored = view.scored_turn(turn, rubric)
    attributions = newest_attributions(store, view.run, scored)
    contrasts = turn_contrasts(store, view.run, scored)
    _headline(view, turn, rubric, attributions, contrasts)
    if view.judgements[turn, rubric.id].score is not None:
        _effects(view, turn, rubric, attributions, span)
        _edit(view, turn, rubric, contrasts)
    explanation_details(store, view, turn, rubric)


def _headline(
    view: ConversationView,
    turn: int,
    rubric: Rubric,
    attributions: Sequence[Attribution],
    contrasts: Sequence[Contrast],
) -> None:
    judgement, contrast = view.judgements[turn, rubric.id], next(iter(contrasts), None)
    quotes = judgement.evidence.reason_quotes
    sentence = headline(
        view.conversation, turn, rubric, judgement.score, judgement.reason, quotes, attributions, contrast
    )
    meaning = next((label.criterion for label in rubric.labels if label.name == judgement.label), "")
    named = f"The judge’s label: {judgement.label}. {meaning}".strip()
    details = [named] if judgement.score is not None else []
    reason = marked_reason(judgement.reason, quotes)
    if reason and one_line(reason)[:_BEGINNING].casefold() not in sentence.casefold():
        details.append(reason)
    st.html(
        f'<div class="cx cx-finding" role="status"><p class="cx-headline">{escaped(sentence)}</p>'
        f"<div>{score_chips(view, turn, rubric.id)}</div>"
        f'<p class="cx-soft">{escaped(" ".join(details))}</p></div>'
    )
    for warning in judgement.evidence.warnings:
        message(f"Read this turn yourself: {warning}", "error")
    if judgement.score is not None and not view.marks[rubric.id].flags:
        trust_note(view.marks[rubric.id])


def _effects(
    view: ConversationView,
    turn: int,
    rubric: Rubric,
    attributions: Sequence[Attribution],
    span: tuple[int, int],
) -> None:
    if not attributions:
        offer_attribution(view, turn, rubric)
        return
    words, earlier = reply_effects(attributions, turn), earlier_turn_effects(attributions, turn)
    if not words and not earlier:
        message("No words of the reply and no earlier turn change this score by more than the judge’s noise.", "soft")
        return
    rows = [_row(view, effect, "in the reply") for effect in words]
    rows += [_row(view, effect, _place(view, effect.unit.turn, span)) for effect in earlier]
    title = "What lowers the score most" if attributions[0].side < 0 else "What raises the score most"
    st.html(f'<div class="cx"><b>{title}</b><ul class="cx-list">{"".join(rows)}</ul></div>')


def _row(view: ConversationView, effect: UnitEffect, place: str) -> str:
    text = one_line(effect.unit.of(view.conversation.turns[effect.unit.turn].content))
    short = text if len(text) <= _QUOTED else f"{text[:_QUOTED]}…"
    sign = "up" if effect.effect > 0 else "down"
    quoted = f'<span class="cx-{sign}" style="--a:.25">{escaped(short)}</span>'
    return f"<li>“{quoted}” {place}: {effect.outcome}</li>"


def _place(view: ConversationView, turn: int, span: tuple[int, int]) -> str:
    name = f"turn {turn} ({view.conversation.turns[turn].role})"
    return f'in <a href="#turn-{turn}">{name}</a>' if span[0] <= turn < span[1] else f"in {name}"


def _edit(view: ConversationView, turn: int, rubric: Rubric, contrasts: Sequence[Contrast]) -> None:
    successful = [contrast for contrast in contrasts if contrast.found]
    lifting = [contrast for contrast in successful if (contrast.score_after or 0) > (contrast.score_before or 0)]
    if edit := next(iter([*lifting, *successful]), None):
        message(edit_title(edit), "title")
        message(edit_caution(edit), "soft")
        show_contrast(view, edit, rubric.threshold)
        return
    if contrasts:
        message(contrast_outcome(contrasts[0], rubric.threshold), "soft")
    offer_edit(view, turn, rubric)

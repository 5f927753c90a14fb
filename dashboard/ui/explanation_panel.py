"""The explanation of a turn's score: reason, attribution, contrasts and evidence."""

from collections.abc import Sequence

import streamlit as st

from convexplain.dashboard.services.conversation import (
    Contribution,
    ConversationView,
    Prompt,
    contributions,
    largest_contribution,
    rebuild_prompt,
)
from convexplain.dashboard.services.signs import signed
from convexplain.explain.wording import contrast_outcome, counted, marked_reason, reading_ease, trade_offs_heading
from convexplain.report.explanations import attribution_cost, attribution_outcome, edited_turns, trade_offs
from convexplain.store import RunStore, newest_attributions, turn_contrasts
from convexplain.text.diffs import TextChange, word_diff
from convexplain.types import Attribution, AttributionLevel, Contrast, Conversation, Evidence, Judgement, Rubric

from .effect_pairs import show_pairs
from .explain_job import offer_other_attribution, offer_search
from .safe_text import escaped, lines, message
from .shading import legend
from .target_panel import show_targets

_BARS = 14
_NAMES: dict[AttributionLevel, str] = {
    "turn": "Turns",
    "sentence": "Sentences",
    "phrase": "Phrases",
    "word": "Words",
    "mixed": "Turns and their parts",
}


def visible_attributions(store: RunStore, view: ConversationView, turn: int, rubric: Rubric) -> list[Attribution]:
    """Return the attributions of a turn down to the selected level."""
    attributions = newest_attributions(store, view.run, view.scored_turn(turn, rubric))
    level = st.session_state.get("level")
    levels = [attribution.level for attribution in attributions]
    return attributions[: levels.index(level) + 1] if level in levels else attributions


def explanation_details(store: RunStore, view: ConversationView, turn: int, rubric: Rubric) -> None:
    """Show all effects, all edits and the evidence of one judged turn, folded."""
    scored = view.scored_turn(turn, rubric)
    if attributions := newest_attributions(store, view.run, scored):
        with st.expander("All effects on the score"):
            _attribution(view, attributions, rubric.threshold)
    show_targets(store, view, turn, rubric)
    offer_other_attribution(view, turn, rubric)
    contrasts = turn_contrasts(store, view.run, scored)
    with st.expander(f"Edits that were searched ({len(contrasts)})" if contrasts else "Search in another way"):
        for contrast in contrasts:
            show_contrast(view, contrast, rubric.threshold)
        offer_search(view, turn, rubric)
    with st.expander("The judge’s evidence"):
        judgement = view.judgements[turn, rubric.id]
        if reason := marked_reason(judgement.reason, judgement.evidence.reason_quotes):
            message(reason)
        message(rubric.requirement, "soft")
        _evidence(view, judgement, rubric)


def show_contrast(view: ConversationView, contrast: Contrast, threshold: float) -> None:
    """Show the result of one search: the edited turns as word diffs, and the bot's new response where it gave one.

    Of a search that found nothing there is only one line. The edits that trade one maxim for another come last.
    """
    if contrast.found:
        _contrast(view, contrast, threshold)
    else:
        message(contrast_outcome(contrast, threshold))
    if contrast.pareto:
        with st.container(border=True):
            show_trade_offs(view.conversation, contrast)


def show_trade_offs(conversation: Conversation, contrast: Contrast) -> None:
    """Show the edits that trade one maxim for another: their scores, and the edited turns as word diffs."""
    message(trade_offs_heading(contrast), "title")
    for number, trade_off in enumerate(trade_offs(conversation, contrast), 1):
        message(f"{number}. {trade_off.scores}")
        for edited in trade_off.edited:
            st.html(diff_html(f"turn {edited.turn}, {edited.role}", edited.changes))
        if trade_off.answer:
            st.html(diff_html("the answer", word_diff(contrast.response_before, trade_off.answer)))


def _contrast(view: ConversationView, contrast: Contrast, threshold: float) -> None:
    with st.container(border=True):
        message(contrast_outcome(contrast, threshold), "title")
        for edited in edited_turns(view.conversation, contrast):
            st.html(diff_html(f"turn {edited.turn}, {edited.role}", edited.changes, reading_ease(contrast)))
        if contrast.question == "regenerate":
            st.html(diff_html("the answer", word_diff(contrast.response_before, contrast.response_after)))
        rows = (f"<div>{escaped(line)}</div>" for line in (_method(contrast), *contrast.notes))
        st.html(f'<details class="cx cx-soft"><summary>How this was computed</summary>{"".join(rows)}</details>')


def diff_html(name: str, changes: Sequence[TextChange], title: str = "") -> str:
    """Return a word diff as HTML: removed words are struck out and new ones underlined, so that it needs no colour.

    Args:
        name: the name of the text.
        changes: the diff.
        title: a remark that is shown when the pointer rests on the text.
    """
    tags = {
        "same": ("", ""),
        "removed": ('<del class="cx-gone">', "</del>"),
        "added": ('<ins class="cx-come">', "</ins>"),
    }
    parts = (f"{tags[change.kind][0]}{escaped(change.text)}{tags[change.kind][1]}" for change in changes)
    head = f'<div class="cx-soft">{escaped(name, 80)}</div>'
    hover = f' title="{escaped(title)}"' if title else ""
    return f'<div class="cx"{hover}>{head}<div class="cx-text">{"".join(parts)}</div></div>'


def _attribution(view: ConversationView, attributions: Sequence[Attribution], threshold: float) -> None:
    message(f"{attribution_outcome(attributions, threshold)}; {attribution_cost(attributions)}", "title")
    levels = [attribution.level for attribution in attributions]
    if st.session_state.get("level") not in levels:
        st.session_state["level"] = levels[-1]
    if len(levels) > 1:
        st.segmented_control("Level", levels, format_func=lambda level: _NAMES[level], key="level", required=True)
    st.html(legend())
    selected = attributions[levels.index(st.session_state["level"])]
    largest = contributions(view.conversation, selected, largest_contribution(attributions), _BARS)
    st.html(f'<div class="cx cx-bars">{"".join(_bars(largest))}</div>')
    scale = "log-odds of the score" if selected.scalarizer == "log_odds" else selected.scalarizer
    hidden = len(selected.units) - len(largest)
    remark = f" {hidden} smaller effects are not listed." if hidden > 0 else ""
    message(
        f"Effect in {scale}: + raises the score, − lowers it; ~ may be noise; & counts only together with other parts; "
        f"“without” is the score without this text.{remark}",
        "soft",
    )
    show_pairs(view.conversation, [selected])
    for note in dict.fromkeys(note for attribution in attributions for note in attribution.notes):
        message(f"Note: {note}", "soft")


def _bars(largest: Sequence[Contribution]) -> list[str]:
    rows = ['<span class="cx-soft">text</span><span class="cx-soft">effect</span><b class="cx-soft">without</b>']
    for part in largest:
        up = part.score >= 0
        width = 50 * min(1.0, abs(part.share))
        side = f"left:50%;width:{width:.1f}%" if up else f"right:50%;width:{width:.1f}%"
        colour = f"background:rgb(var(--cx-{'up' if up else 'down'}))"
        marks = ("*" if part.chosen else "") + (" ~" if part.noisy else " &" if part.needs_others else "")
        without = "–" if part.without is None else f"{part.without:.2f}"
        rows.append(
            f'<span title="{escaped(part.text, 400)}">{part.unit.turn} · {escaped(part.text, 120)}</span>'
            f'<span class="cx-row"><span class="cx-bar"><i style="{side};{colour}"></i></span>'
            f"<em>{signed(part.score)}{marks}</em></span><b>{without}</b>"
        )
    return rows


def _evidence(view: ConversationView, judgement: Judgement, rubric: Rubric) -> None:
    evidence = judgement.evidence
    kinds = {
        "label_probability": "Label probabilities, read from the model’s log-probabilities",
        "samples": f"{evidence.n} sampled replies",
        "head": "A linear head on the model’s hidden states",
        None: "There is no measurement",
    }
    message(f"{kinds[evidence.kind]}. Judge: {judgement.model}", "title")
    rows = []
    for label in sorted(rubric.labels, key=lambda label: -label.value):
        share = evidence.probabilities.get(label.name)
        if share is not None:
            bar = f'<span class="cx-bar one"><i style="width:{100 * min(1.0, share):.1f}%"></i></span>'
            rows.append(f"<span>{escaped(label.name, 60)} (= {label.value:g})</span>{bar}<b>{share:.2f}</b>")
    if rows:
        st.html(f'<div class="cx cx-bars">{"".join(rows)}</div>')
    if remarks := _remarks(evidence):
        lines(*((remark, "soft") for remark in remarks))
    if evidence.raw:
        message("The reply that could not be read:", "soft")
        message(evidence.raw)
    _prompt(rebuild_prompt(view, judgement, rubric))


def _remarks(evidence: Evidence) -> list[str]:
    remarks = [f"{evidence.off_label:.1%} of the answers give no label"] if evidence.kind not in (None, "head") else []
    remarks += [f"spread of the samples {evidence.spread:.2f}"] if evidence.spread is not None else []
    remarks += [f"not in the endpoint’s top list: {', '.join(evidence.unseen)}"] if evidence.unseen else []
    remarks += [f"the {evidence.left_out} oldest turns did not fit the context window"] if evidence.left_out else []
    return [*remarks, *evidence.notes]


def _prompt(prompt: Prompt | None) -> None:
    if prompt is None:
        message("A linear head has no prompt: it reads the turn and the turns before it.", "soft")
        return
    state = "" if prompt.exact else " It was rebuilt; the original one was slightly different."
    text = f'<div class="cx cx-text cx-soft">{escaped(prompt.text, 60_000)}</div>'
    st.html(f'<details class="cx"><summary>The judge’s prompt.{state}</summary>{text}</details>')


def _method(contrast: Contrast) -> str:
    questions = {
        "rescore": "the logged answer is judged again in the edited conversation",
        "regenerate": "the bot gives a new answer to the edited conversation",
        "revise": "the judged turn itself is edited",
    }
    models = f"judge {contrast.judge}, texts by {contrast.infiller}"
    calls = counted(contrast.calls, "call")
    return f"{contrast.search}, {questions[contrast.question]}; {models}; {calls}"

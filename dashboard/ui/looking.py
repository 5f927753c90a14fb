"""Why a turn has its score: reason, attribution, contrasts and evidence."""

from collections.abc import Sequence

import streamlit as st

from convexplain.dashboard.services.conversation import Talk, contributions, rebuilt_prompt, scale_of
from convexplain.explain.wording import contrast_outcome
from convexplain.report.explanations import attribution_outcome, edited_turns
from convexplain.store import RunStore, newest_attributions, turn_contrasts
from convexplain.text.diffs import Change, word_diff
from convexplain.types import Attribution, Contrast, Judgement, Level, Rubric

from .explain_job import offer_attribution, offer_search
from .plain import escaped, lines, message
from .talk import legend

_BARS = 14
_NAMES: dict[Level, str] = {"turn": "Turns", "sentence": "Sentences", "phrase": "Phrases", "word": "Words"}


def headline(talk: Talk, turn: int, rubric: Rubric) -> None:
    """The score and what the judge said."""
    judged = talk.judgements[turn, rubric.id]
    if judged.score is None:
        lines((f"Turn {turn} · {rubric.title}: unscored", "title"), (judged.reason or "No reason is known.", "error"))
        return
    side = "▼ below" if judged.score < rubric.threshold else "not below"
    lines(
        (f"Turn {turn} · {rubric.title}: {judged.score:.2f}, {side} {rubric.threshold:g}", "title"),
        (f"The judge’s label: {judged.label}. {judged.reason or 'It was not asked for a reason in words.'}", "body"),
        (rubric.requirement, "soft"),
    )


def attribution_shown(store: RunStore, talk: Talk, turn: int, rubric: Rubric) -> list[Attribution]:
    """The attributions of a turn down to the level that is looked at."""
    found = newest_attributions(store, talk.run, talk.scored_turn(turn, rubric))
    level = st.session_state.get("level")
    names = [one.level for one in found]
    return found[: names.index(level) + 1] if level in names else found


def show_details(store: RunStore, talk: Talk, turn: int, rubric: Rubric) -> None:
    """The three views on one judged turn."""
    scored = talk.scored_turn(turn, rubric)
    hangs, changed, evidence = st.tabs(["What it hangs on", "What would have changed it", "Evidence"])
    with hangs:
        found = newest_attributions(store, talk.run, scored)
        if found:
            _attribution(talk, found, rubric.threshold)
        else:
            offer_attribution(talk, turn, rubric)
    with changed:
        contrasts = turn_contrasts(store, talk.run, scored)
        for contrast in contrasts:
            show_contrast(talk, contrast, rubric.threshold)
        if contrasts:
            with st.expander("Look for another edit"):
                offer_search(talk, turn, rubric)
        else:
            offer_search(talk, turn, rubric)
    with evidence:
        _evidence(talk, talk.judgements[turn, rubric.id], rubric)


def show_contrast(talk: Talk, contrast: Contrast, threshold: float) -> None:
    """What came of one search: the edited turns as word diffs, and the responses where the bot answered anew."""
    with st.container(border=True):
        lines((contrast_outcome(contrast, threshold), "title"), (_how(contrast), "soft"))
        for edited in edited_turns(talk.conversation, contrast):
            st.html(diff_html(f"turn {edited.turn}, {edited.role}", edited.changes))
        if contrast.question == "regenerate" and contrast.edits:
            st.html(diff_html("the answer", word_diff(contrast.response_before, contrast.response_after)))
        for note in contrast.notes:
            message(f"Note: {note}", "soft")


def diff_html(name: str, changes: Sequence[Change]) -> str:
    """A word diff: what went is struck out, what came is underlined, so that colour is not needed."""
    tags = {
        "same": ("", ""),
        "removed": ('<del class="cx-gone">', "</del>"),
        "added": ('<ins class="cx-come">', "</ins>"),
    }
    parts = (f"{tags[one.kind][0]}{escaped(one.text)}{tags[one.kind][1]}" for one in changes)
    head = f'<div class="cx-soft">{escaped(name, 80)}</div>'
    return f'<div class="cx">{head}<div class="cx-text">{"".join(parts)}</div></div>'


def signed(number: float) -> str:
    """A number with its sign."""
    return f"{number:+.2f}".replace("-", "−")


def _attribution(talk: Talk, found: Sequence[Attribution], threshold: float) -> None:
    message(attribution_outcome(found, threshold), "title")
    names = [one.level for one in found]
    if st.session_state.get("level") not in names:
        st.session_state["level"] = names[-1]
    if len(names) > 1:
        st.segmented_control("Down to", names, format_func=lambda one: _NAMES[one], key="level", required=True)
    st.html(legend())
    one = found[names.index(st.session_state["level"])]
    listed = contributions(talk.conversation, one, scale_of(found), _BARS)
    unit = "log-odds of the score" if one.scalarizer == "log_odds" else one.scalarizer
    rows = ['<span class="cx-soft">what</span><span class="cx-soft">does</span><b class="cx-soft">without</b>']
    for part in listed:
        up = part.score >= 0
        wide = 50 * min(1.0, abs(part.share))
        side = f"left:50%;width:{wide:.1f}%" if up else f"right:50%;width:{wide:.1f}%"
        colour = f"background:rgb(var(--cx-{'up' if up else 'down'}))"
        marks = ("*" if part.chosen else "") + (" ~" if part.noisy else "")
        without = "–" if part.without is None else f"{part.without:.2f}"
        rows.append(
            f'<span title="{escaped(part.text, 400)}">{part.unit.turn} · {escaped(part.text, 120)}</span>'
            f'<span class="cx-row"><span class="cx-bar"><i style="{side};{colour}"></i></span>'
            f"<em>{signed(part.score)}{marks}</em></span><b>{without}</b>"
        )
    st.html(f'<div class="cx cx-bars">{"".join(rows)}</div>')
    rest = len(one.units) - len(listed)
    more = f" {rest} smaller ones are not listed." if rest > 0 else ""
    message(
        f"{unit}; + raises it, − lowers it; ~ may be noise; “without” is the score if it were not there.{more}", "soft"
    )
    for note in dict.fromkeys(note for level in found for note in level.notes):
        message(f"Note: {note}", "soft")


def _evidence(talk: Talk, judged: Judgement, rubric: Rubric) -> None:
    evidence = judged.evidence
    kinds = {
        "label_probability": "Label probabilities, read from the model’s log-probabilities",
        "samples": f"{evidence.n} sampled replies",
        "head": "A linear head on the model’s hidden states",
        None: "No measurement came about",
    }
    message(f"{kinds[evidence.kind]}. Judge: {judged.model}", "title")
    rows = []
    for label in sorted(rubric.labels, key=lambda one: -one.value):
        share = evidence.probabilities.get(label.name)
        if share is not None:
            bar = f'<span class="cx-bar one"><i style="width:{100 * min(1.0, share):.1f}%"></i></span>'
            rows.append(f"<span>{escaped(label.name, 60)} (= {label.value:g})</span>{bar}<b>{share:.2f}</b>")
    if rows:
        st.html(f'<div class="cx cx-bars">{"".join(rows)}</div>')
    said = [f"{evidence.off_label:.1%} fell on no label" if evidence.kind != "head" and evidence.kind else ""]
    said += [f"spread of the draws {evidence.spread:.2f}" if evidence.spread is not None else ""]
    said += [f"not in the endpoint’s top list: {', '.join(evidence.unseen)}" if evidence.unseen else ""]
    said += [f"the {evidence.left_out} oldest turns did not fit the window" if evidence.left_out else ""]
    if known := [one for one in (*said, *evidence.notes) if one]:
        lines(*((one, "soft") for one in known))
    if evidence.raw:
        with st.expander("The reply that could not be read"):
            message(evidence.raw)
    prompt = rebuilt_prompt(talk, judged, rubric)
    if prompt is None:
        message("A head asks no question in words: it reads the turn and what comes before it.", "soft")
        return
    with st.expander("The judge’s prompt"):
        exact = (
            "This is the prompt to the letter."
            if prompt.exact
            else "Made anew; what was asked differs from it a little."
        )
        message(exact, "soft")
        st.html(f'<div class="cx cx-text cx-soft">{escaped(prompt.text, 60_000)}</div>')


def _how(contrast: Contrast) -> str:
    questions = {
        "rescore": "the logged answer, judged in the edited conversation",
        "regenerate": "the bot answers the edited conversation anew",
        "revise": "the judged turn itself is edited",
    }
    models = f"judge {contrast.judge}, words by {contrast.infiller}"
    return f"{contrast.search}, {questions[contrast.question]}; {models}; {contrast.edit_distance} words changed"

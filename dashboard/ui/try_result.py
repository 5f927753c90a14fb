"""The scores of an edit that was tried, the trail of tries, and the button that keeps an edit as a pair."""

from collections.abc import Callable, Sequence

import streamlit as st

from convexplain.dashboard.services.conversation import ConversationView
from convexplain.dashboard.services.signs import signed
from convexplain.dashboard.services.tries import Try, summary
from convexplain.explain.wording import movement
from convexplain.text.diffs import word_diff
from convexplain.types import Rubric
from convexplain.workspace import ScoreChange, WhatIf

from .explanation_panel import diff_html
from .safe_text import escaped, message

_NOTHING = 0.005  # changes that are shown as 0.00
_MOST = 20  # tries in the trail


def show_scores(attempt: Try, result: WhatIf) -> None:
    """Show the scores of an edit on each maxim: before, after, and the difference."""
    head = "<b>maxim</b><b>before</b><b>after</b><b>difference</b>"
    rows = "".join(_row(change) for change in result.changes)
    places = " and ".join(map(str, sorted(attempt.edits)))
    title = f"Scores of turn {result.turn} with your words in turn{'s' if len(attempt.edits) > 1 else ''} {places}"
    st.html(
        f'<div class="cx" role="status"><div class="cx-soft">{title}</div><div class="cx-grid">{head}{rows}</div></div>'
    )


def show_diffs(view: ConversationView, attempt: Try) -> None:
    """Show what an edit changes, turn by turn, as word differences."""
    for place, text in sorted(attempt.edits.items()):
        before = view.conversation.turns[place]
        st.html(diff_html(f"turn {place}, {before.role}, edited", word_diff(before.content, text)))


def show_trail(
    view: ConversationView, tries: Sequence[Try], judged: int, selected: int | None, restore: Callable[[int], None]
) -> None:
    """Show the edits that were tried on a judged turn, the newest first.

    Args:
        view: the conversation.
        tries: all edits of the session, the oldest first.
        judged: the index of the judged turn.
        selected: the index of the edit whose scores are shown; None for none.
        restore: called with the index of a clicked edit.
    """
    indices = [index for index, attempt in enumerate(tries) if attempt.turn == judged]
    if not indices or indices == [selected]:
        return
    with st.container(gap="xxsmall"):
        message("Tries", "title")
        for number, index in [*enumerate(indices, 1)][: -_MOST - 1 : -1]:
            with st.container(horizontal=True, vertical_alignment="center", wrap=False, gap="small"):
                st.html(f'<div class="cx cx-soft">{number}. {escaped(_line(tries[index]))}</div>')
                if index == selected:
                    st.html('<div class="cx cx-soft"><b>shown</b></div>', width="content")
                else:
                    key, hint = f"restore-{view.number}-{index}", f"Go on with try {number}"
                    st.button("Restore", key=key, type="tertiary", help=hint, on_click=restore, args=(index,))


def offer_pair(result: WhatIf, rubric: Rubric, pair: int | None, keep: Callable[[], None]) -> None:
    """Show the button that keeps an edit of the judged turn as a reviewed pair, or that it was kept.

    Args:
        result: the scores of the edit.
        rubric: the maxim on which the two texts are a pair.
        pair: the number of the pair that was kept; None where none was.
        keep: called by a click.
    """
    if pair is not None:
        message(f"Kept as pair {pair}, accepted. It is on the page “Contrast pairs” and in the next export.", "soft")
        return
    change = next((change for change in result.changes if change.rubric.id == rubric.id), None)
    if any(place != result.turn for place in result.edits):
        message(f"A training pair needs an edit of turn {result.turn} alone.", "soft")
        return
    if change is None or change.change is None or rubric.of_conversation:
        return
    if not change.tells_better:
        message("This is no training pair: the score does not tell which text is better.", "soft")
        return
    better = "the edit" if change.change > 0 else "the logged text"
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        st.text_input("Your name", key="reviewer", persist_state="session", width=180)
        st.button(
            "Keep as a reviewed pair",
            key=f"keep-pair-{result.turn}",
            on_click=keep,
            help=f"On {rubric.id}, {better} is the better text. It is saved as accepted by you, and exported.",
        )


def _line(attempt: Try) -> str:
    result = attempt.result()
    if result is None:
        return f"{summary(attempt.edits)}: {attempt.problem or 'being scored'}"
    scores = (
        f"{change.rubric.id} {movement(change.before.score, change.after.score).replace('->', '→')}"
        for change in result.changes
    )
    return f"{summary(attempt.edits)}: {', '.join(scores)}"


def _row(change: ScoreChange) -> str:
    mark = change.mark
    name = f'{escaped(change.rubric.title, 40)} <span class="cx-soft">· {mark.word}</span>'
    scores = "".join(
        f'<span class="cx-score {mark.tone(score, change.rubric.threshold)}">{_score(score)}'
        f"{' ▼' if mark.is_low(score, change.rubric.threshold) else ''}</span>"
        for score in (change.before.score, change.after.score)
    )
    return f"<span>{name}</span>{scores}<span>{escaped(_difference(change))}</span>"


def _difference(change: ScoreChange) -> str:
    if change.change is None:
        unscored = change.before if change.before.score is None else change.after
        return f"no score: {unscored.reason or 'the judge gave none'}"
    if abs(change.change) < _NOTHING:
        return "no change"
    noise = f", less than the judge’s noise of {change.noise:.2f}" if change.noise and change.is_noise else ""
    return f"{signed(change.change)}{noise}"


def _score(score: float | None) -> str:
    return "–" if score is None else f"{score:.2f}"

"""One theme as a card: its name and figures, what is known of it, typical turns, and what people may do with it."""

import streamlit as st

from convexplain.dashboard.services.themes import merge, pin, rename
from convexplain.explain.wording import counted
from convexplain.store import RunStore
from convexplain.text.visible import one_line
from convexplain.workspace import RunTheme, RunThemes, ThemeTurn
from convexplain.workspace.theme_results import theme_sentences

from .safe_text import escaped, label_text, lines, message
from .theme_dialogs import rubric_dialog, split_dialog
from .turn_table import open_turn

_NAME = 80  # characters of a name that people give
_SHOWN_NAME = 200  # characters of a name that are shown
_REPLY = 160  # characters of a reply that are shown
_REFUSAL = "theme-refusal"


def theme_card(store: RunStore, themes: RunThemes, theme: RunTheme) -> None:
    """Show a theme with its typical turns and its buttons.

    Args:
        store: the run store.
        themes: all themes of the run, into which it may be merged.
        theme: the theme.
    """
    with st.container(border=True, key=f"theme-{theme.number}"):
        st.html(_head(theme))
        lines(*((sentence, "soft") for sentence in theme_sentences(theme.theme)))
        for i, turn in enumerate(theme.typical):
            with st.container(gap=None):
                _typical_turn(theme, turn, i)
        _buttons(store, themes, theme)
        refused, refusal = st.session_state.get(_REFUSAL, (None, ""))
        if refused == theme.number:
            del st.session_state[_REFUSAL]
            message(refusal, "error")


def _head(theme: RunTheme) -> str:
    low, high = theme.theme.interval
    share = f"{100 * theme.theme.share:.1f} % of the judged turns (95 % interval {100 * low:.1f} to {100 * high:.1f} %)"
    pinned = '<span class="cx-chip">pinned</span>' if theme.theme.pinned is not None else ""
    name = escaped(theme.theme.name, _SHOWN_NAME)
    return (
        f'<div class="cx"><h2 style="margin:0;padding:0;font-size:1.08rem">{name}</h2>'
        f"{pinned}<b>{counted(theme.count, 'turn')}</b> · {share} "
        f'<span class="cx-soft">· theme {theme.number}</span></div>'
    )


def _typical_turn(theme: RunTheme, turn: ThemeTurn, i: int) -> None:
    judged = turn.judged
    if st.button(
        label_text(turn.headline),
        key=f"theme-{theme.number}-turn-{i}",
        type="tertiary",
        help="Opens this turn in its conversation.",
    ):
        open_turn(theme.run, judged.conversation.id, judged.number, judged.turn, judged.rubric.id)
    tone = turn.mark.tone(judged.score, judged.rubric.threshold)
    kind = {"grey": " grey", "low": " low"}.get(tone, "")
    score = "no score" if judged.score is None else f"{judged.score:.2f}"
    chip = f'<span class="cx-chip{kind}">{escaped(judged.rubric.id)} {score} · {escaped(turn.mark.word)}</span>'
    reply = escaped(one_line(turn.reply), _REPLY)
    st.html(f'<div class="cx cx-soft">{chip}{reply}</div>')


def _buttons(store: RunStore, themes: RunThemes, theme: RunTheme) -> None:
    number, pinned = theme.number, theme.theme.pinned is not None
    names = {each.number: each.theme.name for each in themes.themes if each.number != number}
    with st.container(horizontal=True, gap="small"):
        with st.popover("Rename"):
            key = f"theme-name-{number}"
            st.text_input("Name", theme.theme.name, max_chars=_NAME, key=key)
            st.button("Save the name", key=f"theme-rename-{number}", on_click=_rename, args=(store, number, key))
        if names:
            with st.popover("Merge"):
                key = f"theme-others-{number}"
                st.multiselect(
                    "Themes whose turns come into this one",
                    list(names),
                    format_func=lambda merged: f"{merged}: {one_line(names.get(merged, ''))}",
                    key=key,
                )
                st.button("Merge them", key=f"theme-merge-{number}", on_click=_merge, args=(store, number, key))
        if theme.count > 1 and st.button("Split", key=f"theme-split-{number}"):
            split_dialog(store, theme)
        st.button(
            "Unpin" if pinned else "Pin",
            key=f"theme-pin-{number}",
            help="A pinned theme keeps its name and is found again in later runs.",
            on_click=_pin,
            args=(store, number, not pinned),
        )
        if st.button("Make a rubric", key=f"theme-rubric-{number}"):
            rubric_dialog(store, number)


def _rename(store: RunStore, number: int, key: str) -> None:
    _report(number, rename(store, number, st.session_state[key]))


def _merge(store: RunStore, number: int, key: str) -> None:
    _report(number, merge(store, number, st.session_state[key]))


def _pin(store: RunStore, number: int, pinned: bool) -> None:
    _report(number, pin(store, number, pinned=pinned))


def _report(number: int, refusal: str) -> None:
    if refusal:
        st.session_state[_REFUSAL] = (number, refusal)

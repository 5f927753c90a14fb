"""What narrows an overview: set by hand, or by a click on a number."""

from collections.abc import Callable
from datetime import date
from typing import Any

import streamlit as st

from convexplain.store.views import Choices, MaximCount, Which
from convexplain.visible import one_line

_NAMES = ("sources", "bots", "days", "length", "turns", "scores", "text")
NO_BOT = "not named"


def filters(run: int, maxim: MaximCount, given: Choices) -> Which:
    """The widgets, a line that says what is set, and what they choose."""
    _drop_what_is_gone(given)
    left, right = st.columns([1, 5], vertical_alignment="center")
    with left.popover("Filter", icon=":material/filter_alt:", width="stretch"):
        st.text_input(
            "Conversations that hold", key="f-text", placeholder="a word, a name, an id", persist_state="session"
        )
        _many("Source", "sources", given.sources, one_line)
        _many("Bot", "bots", given.bots, bot_name)
        if given.first and given.last:
            st.date_input("Begun between", (), given.first, given.last, key="f-days", persist_state="session")
        if given.longest > 1:
            for label, name in (("Turns in the conversation", "length"), ("Index of the turn", "turns")):
                st.slider(label, *_ends(name, given), key=f"f-{name}", persist_state="session")
    which = _which(run, maxim, given)
    said = _said(which)
    with right.container(horizontal=True, vertical_alignment="center"):
        st.text(f"{len(said)} set: {'; '.join(said)}" if said else "All judged turns of the run.", width="content")
        if said:
            st.button("Clear", type="tertiary", icon=":material/close:", on_click=clear)
    return which


def clear(*names: str) -> None:
    """Takes filters back, all unless some are named."""
    for name in names or _NAMES:
        st.session_state.pop(f"f-{name}", None)


def narrow(name: str, value: Any) -> None:
    """Sets one filter: `sources` and `bots` are lists, the others pairs of first and last."""
    st.session_state[f"f-{name}"] = value


def bot_name(bot: str) -> str:
    """A bot as it is shown."""
    return one_line(bot) or NO_BOT


def _many(label: str, name: str, options: tuple[str, ...], shown: Callable[[str], str]) -> None:
    if len(options) > 1:
        st.multiselect(label, options, format_func=shown, key=f"f-{name}", persist_state="session")


def _which(run: int, maxim: MaximCount, given: Choices) -> Which:
    state: Any = st.session_state
    days: tuple[date, ...] = tuple(state.get("f-days", ()))
    length, turns = state.get("f-length"), state.get("f-turns")
    return Which(
        run,
        maxim.sha,
        maxim.threshold,
        sources=tuple(state.get("f-sources", ())),
        bots=tuple(state.get("f-bots", ())),
        since=days[0] if days else None,
        until=days[1] if len(days) > 1 else None,
        length=None if length in (None, _ends("length", given)) else length,
        turns=None if turns in (None, _ends("turns", given)) else turns,
        scores=state.get("f-scores"),
        text=state.get("f-text", "").strip(),
    )


def _said(which: Which) -> list[str]:
    found = [f"holds “{one_line(which.text)}”"] if which.text else []
    found += [", ".join(map(one_line, which.sources))] if which.sources else []
    found += [f"bot {', '.join(map(bot_name, which.bots))}"] if which.bots else []
    found += [f"from {which.since}"] if which.since else []
    found += [f"to {which.until}"] if which.until else []
    for name, span in (("turns in the conversation", which.length), ("turn", which.turns)):
        found += [f"{name} {span[0]} to {span[1]}" if span[0] < span[1] else f"{name} {span[0]}"] if span else []
    found += [f"score {which.scores[0]:.2f} to {which.scores[1]:.2f}"] if which.scores else []
    return found


def _drop_what_is_gone(given: Choices) -> None:
    """Filters stay when another run is chosen, as far as they can."""
    state: Any = st.session_state
    for name, valid in (("f-sources", given.sources), ("f-bots", given.bots)):
        if name in state:
            state[name] = [one for one in state[name] if one in valid]
    if state.get("f-longest") != given.longest:
        state["f-longest"] = given.longest
        clear("length", "turns")
    for name in ("length", "turns"):
        state.setdefault(f"f-{name}", _ends(name, given))
    days = state.get("f-days", ())
    if days and not (given.first and given.last and given.first <= min(days) and max(days) <= given.last):
        state["f-days"] = ()


def _ends(name: str, given: Choices) -> tuple[int, int]:
    return (1, given.longest) if name == "length" else (0, max(0, given.longest - 1))

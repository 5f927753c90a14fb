"""What narrows an overview: set by hand, or by a click on a number."""

from collections.abc import Callable
from typing import Any

import streamlit as st

from convexplain.store.judgement_filters import JudgementFilters
from convexplain.store.overview import FilterChoices, MaximCount
from convexplain.text.visible import one_line

NO_BOT = "not named"


def filters(run: int, maxim: MaximCount, given: FilterChoices) -> JudgementFilters:
    """The widgets, a line that says what is set, and what they choose."""
    _drop_what_is_gone(given)
    left, right = st.columns([1, 5], vertical_alignment="center")
    with left.popover("Filter", icon=":material/filter_alt:", width="stretch"):
        _widget(st.text_input, "Conversations that hold", "text", value="", placeholder="a word, a name, an id")
        for label, name, options, shown in (
            ("Source", "sources", given.sources, source_name),
            ("Bot", "bots", given.bots, bot_name),
        ):
            if len(options) > 1:
                _widget(st.multiselect, label, name, default=[], options=options, format_func=shown)
        if given.first and given.last:
            for label, name in (("Begun on or after", "since"), ("Begun on or before", "until")):
                _widget(st.date_input, label, name, value=None, min_value=given.first, max_value=given.last)
        if given.longest > 1:
            for label, name in (("Turns in the conversation", "length"), ("Index of the turn", "turns")):
                low, high = _ends(name, given)
                _widget(st.slider, label, name, value=(low, high), min_value=low, max_value=high)
    which = _which(run, maxim, given)
    said = _said(which)
    with right.container(horizontal=True, vertical_alignment="center"):
        st.text(f"{len(said)} set: {'; '.join(said)}" if said else "All judged turns of the run.", width="content")
        if said:
            st.button("Clear", type="tertiary", icon=":material/close:", on_click=clear)
    return which


def clear(*names: str) -> None:
    """Takes filters back, all unless some are named."""
    for name in names or tuple(_set()):
        _set().pop(name, None)
    _renew()


def narrow(name: str, value: Any) -> None:
    """Sets one filter: `sources` and `bots` are lists, `length`, `turns` and `scores` pairs of first and last."""
    _set()[name] = value
    _renew()


def source_name(source: str) -> str:
    """A log as it is shown: its file's name first, for that tells more than the beginning of a path."""
    folder, _, name = one_line(source).replace("\\", "/").rstrip("/").rpartition("/")
    return f"{name} · {folder.rpartition('/')[2]}" if folder else name


def bot_name(bot: str) -> str:
    """A bot as it is shown."""
    return one_line(bot) or NO_BOT


def _set() -> dict[str, Any]:
    """What is set. The widgets do not hold it: those that a closed popover hides say what they said before."""
    found: dict[str, Any] = st.session_state.setdefault("filters", {})
    return found


def _renew() -> None:
    """Makes new widgets, which begin with what is set."""
    st.session_state["filter-widgets"] = st.session_state.get("filter-widgets", 0) + 1


def _widget(kind: Callable[..., Any], label: str, name: str, **options: Any) -> None:
    key = f"f-{name}-{st.session_state.get('filter-widgets', 0)}"
    start = "default" if "default" in options else "value"

    def changed() -> None:
        _set()[name] = st.session_state[key]

    # What it begins with stays the same while it is the same widget.
    begun = st.session_state.setdefault(f"{key}-begun", _set().get(name, options[start]))
    kind(label, key=key, on_change=changed, **{**options, start: begun})


def _which(run: int, maxim: MaximCount, given: FilterChoices) -> JudgementFilters:
    found = _set()
    spans = {name: found.get(name) for name in ("length", "turns")}
    spans = {name: None if span is None or span == _ends(name, given) else span for name, span in spans.items()}
    return JudgementFilters(
        run,
        maxim.sha,
        maxim.threshold,
        sources=tuple(found.get("sources", ())),
        bots=tuple(found.get("bots", ())),
        since=found.get("since"),
        until=found.get("until"),
        length=spans["length"],
        turns=spans["turns"],
        scores=found.get("scores"),
        text=found.get("text", "").strip(),
    )


def _said(which: JudgementFilters) -> list[str]:
    found = [f"holds “{one_line(which.text)}”"] if which.text else []
    found += [", ".join(map(source_name, which.sources))] if which.sources else []
    found += [f"bot {', '.join(map(bot_name, which.bots))}"] if which.bots else []
    found += [f"from {which.since}"] if which.since else []
    found += [f"to {which.until}"] if which.until else []
    for name, span in (("turns in the conversation", which.length), ("turn", which.turns)):
        found += [f"{name} {span[0]} to {span[1]}" if span[0] < span[1] else f"{name} {span[0]}"] if span else []
    found += [f"score {which.scores[0]:.2f} to {which.scores[1]:.2f}"] if which.scores else []
    return found


def _drop_what_is_gone(given: FilterChoices) -> None:
    """Filters stay when another run is chosen, as far as they mean something there."""
    if st.session_state.get("filters-of") == given:
        return
    st.session_state["filters-of"] = given
    found = _set()
    for name, valid in (("sources", given.sources), ("bots", given.bots)):
        found[name] = [one for one in found.get(name, ()) if one in valid]
    for name in ("length", "turns"):
        low, high = _ends(name, given)
        if name in found and not low <= found[name][0] <= found[name][1] <= high:
            del found[name]
    for name in ("since", "until"):
        day = found.get(name)
        if day and not (given.first and given.last and given.first <= day <= given.last):
            del found[name]
    _renew()


def _ends(name: str, given: FilterChoices) -> tuple[int, int]:
    return (1, given.longest) if name == "length" else (0, max(0, given.longest - 1))

"""The filters of the overview, set in their form or by a click on a number."""

from collections.abc import Callable
from typing import Any

import streamlit as st

from convexplain.store.judgement_filters import JudgementFilters
from convexplain.store.overview import FilterChoices, MaximCount
from convexplain.text.visible import one_line

NO_BOT = "not named"


def filters(run: int, maxim: MaximCount, available: FilterChoices) -> JudgementFilters:
    """Show the form, and a line with the filters that are set; return the filters."""
    _drop_unavailable(available)
    left_column, right_column = st.columns([1, 5], vertical_alignment="center")
    with left_column.popover("Filter", icon=":material/filter_alt:", width="stretch"):
        _widget(st.text_input, "Text in the conversation", "text", value="", placeholder="a word, a name, an id")
        for label, name, options, label_of in (
            ("Source", "sources", available.sources, source_name),
            ("Bot", "bots", available.bots, bot_name),
        ):
            if len(options) > 1:
                _widget(st.multiselect, label, name, default=[], options=options, format_func=label_of)
        if available.first and available.last:
            for label, name in (("Started on or after", "since"), ("Started on or before", "until")):
                _widget(st.date_input, label, name, value=None, min_value=available.first, max_value=available.last)
        if available.longest > 1:
            for label, name in (("Turns in the conversation", "length"), ("Index of the turn", "turns")):
                low, high = _limits(name, available)
                _widget(st.slider, label, name, value=(low, high), min_value=low, max_value=high)
    which = _which(run, maxim, available)
    descriptions = _descriptions(which)
    with right_column.container(horizontal=True, vertical_alignment="center"):
        st.text(
            f"{len(descriptions)} set: {'; '.join(descriptions)}" if descriptions else "All judged turns of the run.",
            width="content",
        )
        if descriptions:
            st.button("Clear", type="tertiary", icon=":material/close:", on_click=clear)
    return which


def clear(*names: str) -> None:
    """Remove the named filters, or all if none is named."""
    for name in names or tuple(_current()):
        _current().pop(name, None)
    _renew()


def narrow(name: str, value: Any) -> None:
    """Set one filter: `sources` and `bots` are lists, `length`, `turns` and `scores` pairs of first and last."""
    _current()[name] = value
    _renew()


def source_name(source: str) -> str:
    """Return the shown name of a log: its file's name first, then the folder."""
    folder, _, name = one_line(source).replace("\\", "/").rstrip("/").rpartition("/")
    return f"{name} · {folder.rpartition('/')[2]}" if folder else name


def bot_name(bot: str) -> str:
    """Return the shown name of a bot."""
    return one_line(bot) or NO_BOT


def _current() -> dict[str, Any]:
    # Not read from the widgets: those of a closed popover return old values.
    current: dict[str, Any] = st.session_state.setdefault("filters", {})
    return current


def _renew() -> None:
    # New keys make new widgets, which start with the current filters.
    st.session_state["filter-widgets"] = st.session_state.get("filter-widgets", 0) + 1


def _widget(kind: Callable[..., Any], label: str, name: str, **options: Any) -> None:
    key = f"f-{name}-{st.session_state.get('filter-widgets', 0)}"
    start = "default" if "default" in options else "value"

    def changed() -> None:
        _current()[name] = st.session_state[key]

    # The initial value stays the same as long as the widget does.
    initial = st.session_state.setdefault(f"{key}-initial", _current().get(name, options[start]))
    kind(label, key=key, on_change=changed, **{**options, start: initial})


def _which(run: int, maxim: MaximCount, available: FilterChoices) -> JudgementFilters:
    current = _current()
    spans = {name: current.get(name) for name in ("length", "turns")}
    spans = {name: None if span is None or span == _limits(name, available) else span for name, span in spans.items()}
    return JudgementFilters(
        run,
        maxim.sha,
        maxim.threshold,
        sources=tuple(current.get("sources", ())),
        bots=tuple(current.get("bots", ())),
        since=current.get("since"),
        until=current.get("until"),
        length=spans["length"],
        turns=spans["turns"],
        scores=current.get("scores"),
        text=current.get("text", "").strip(),
    )


def _descriptions(which: JudgementFilters) -> list[str]:
    lines = [f"contains “{one_line(which.text)}”"] if which.text else []
    lines += [", ".join(map(source_name, which.sources))] if which.sources else []
    lines += [f"bot {', '.join(map(bot_name, which.bots))}"] if which.bots else []
    lines += [f"from {which.since}"] if which.since else []
    lines += [f"to {which.until}"] if which.until else []
    for name, span in (("turns in the conversation", which.length), ("turn", which.turns)):
        lines += [f"{name} {span[0]} to {span[1]}" if span[0] < span[1] else f"{name} {span[0]}"] if span else []
    lines += [f"score {which.scores[0]:.2f} to {which.scores[1]:.2f}"] if which.scores else []
    return lines


def _drop_unavailable(available: FilterChoices) -> None:
    # When another run is chosen, the filters that are valid there stay.
    if st.session_state.get("filters-of") == available:
        return
    st.session_state["filters-of"] = available
    current = _current()
    for name, valid in (("sources", available.sources), ("bots", available.bots)):
        current[name] = [choice for choice in current.get(name, ()) if choice in valid]
    for name in ("length", "turns"):
        low, high = _limits(name, available)
        if name in current and not low <= current[name][0] <= current[name][1] <= high:
            del current[name]
    for name in ("since", "until"):
        day = current.get(name)
        if day and not (available.first and available.last and available.first <= day <= available.last):
            del current[name]
    _renew()


def _limits(name: str, available: FilterChoices) -> tuple[int, int]:
    return (1, available.longest) if name == "length" else (0, max(0, available.longest - 1))

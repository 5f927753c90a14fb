"""The filters of the overview's list: they live in the address, set in their form or by a click on a number."""

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

import streamlit as st

from convexplain.store.judgement_filters import JudgementFilters
from convexplain.store.overview import FilterChoices, MaximCount
from convexplain.text.visible import one_line

from . import address
from .address_form import AddressForm

NO_BOT = "not named"
NAMES = ("text", "sources", "bots", "since", "until", "length", "turns", "scores")
"""The filters, and their parameters in the address."""
_UNSCORED = "unscored"
_TO = ".."  # between the first and the last of a span


def current_filters(run: int, maxim: MaximCount, available: FilterChoices) -> JudgementFilters:
    """Return the filters of the address; values that the run does not have are left out."""
    _FORM.renew()
    values = {name: st.query_params.get_all(name) for name in NAMES}
    return JudgementFilters(
        run,
        maxim.sha,
        maxim.threshold,
        sources=tuple(source for source in values["sources"] if source in available.sources),
        bots=tuple(bot for bot in values["bots"] if bot in available.bots),
        since=_day(values["since"], available),
        until=_day(values["until"], available),
        length=_span(values["length"], _limits("length", available)),
        turns=_span(values["turns"], _limits("turns", available)),
        scores=_scores(values["scores"]),
        text="".join(values["text"][:1]).strip(),
    )


def filter_form(which: JudgementFilters, available: FilterChoices) -> None:
    """Show the form, and a line with the filters that are set."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        with st.popover("Filter", icon=":material/filter_alt:"):
            _widgets(which, available)
        _FORM.widget(
            st.text_input,
            "Text in the conversation",
            "text",
            which.text,
            as_parameter,
            placeholder="Search: a word, a name, an id",
            label_visibility="collapsed",
            width=260,
        )
        descriptions = [*(["unscored"] if lists_unscored() else []), *_descriptions(which)]
        st.text(
            f"{len(descriptions)} set: {'; '.join(descriptions)}" if descriptions else "All judged turns of the run.",
            width="content",
        )
        if descriptions:
            st.button("Clear", type="tertiary", icon=":material/close:", on_click=clear)


def clear() -> None:
    """Remove all filters."""
    address.write(**dict.fromkeys((*NAMES, "list", "page")))


def narrow(rubric: str | None = None, **filters: Any) -> None:
    """Show in the list the turns that pass these filters, and no others.

    Args:
        rubric: a maxim's id; None keeps the current one.
        filters: by their names: `sources` and `bots` are lists, `length`, `turns` and `scores` pairs of first and
            last, `since` and `until` days.
    """
    changes = {**dict.fromkeys((*NAMES, "list", "page")), **{name: as_parameter(filters[name]) for name in filters}}
    address.write(**changes, **({} if rubric is None else {"rubric": rubric}))
    st.toast("The list of turns below shows these now.")


def show_unscored() -> None:
    """Show in the list the turns without a score."""
    address.write(**{**dict.fromkeys((*NAMES, "page")), "list": _UNSCORED})


def lists_unscored() -> bool:
    """Return whether the list is that of the turns without a score."""
    return st.query_params.get("list") == _UNSCORED


def form_version() -> int:
    """Return a number that changes whenever a filter is set elsewhere than in the form."""
    return _FORM.version


def source_name(source: str) -> str:
    """Return the shown name of a log: its file's name first, then the folder."""
    folder, _, name = one_line(source).replace("\\", "/").rstrip("/").rpartition("/")
    return f"{name} · {folder.rpartition('/')[2]}" if folder else name


def bot_name(bot: str) -> str:
    """Return the shown name of a bot."""
    return one_line(bot) or NO_BOT


def as_parameter(value: Any) -> address.Parameter:
    """Return a filter's value as the address has it; None where it excludes nothing."""
    if isinstance(value, tuple):  # a span
        return _TO.join(f"{end:g}" if float(f"{end:g}") == end else repr(end) for end in value)
    if isinstance(value, list):
        return value or None
    return str(value) if value else None


_FORM = AddressForm("filter", (*NAMES, "list"))


def _widgets(which: JudgementFilters, available: FilterChoices) -> None:
    for label, name, options, label_of in (
        ("Source", "sources", available.sources, source_name),
        ("Bot", "bots", available.bots, bot_name),
    ):
        if len(options) > 1:
            choices: dict[str, Any] = {"of": "default", "options": options, "format_func": label_of}
            _FORM.widget(st.multiselect, label, name, list(getattr(which, name)), as_parameter, **choices)
    if available.first and available.last:
        days: dict[str, Any] = {"min_value": available.first, "max_value": available.last}
        for label, name in (("Started on or after", "since"), ("Started on or before", "until")):
            _FORM.widget(st.date_input, label, name, getattr(which, name), as_parameter, **days)
    if available.longest > 1:
        for label, name in (("Turns in the conversation", "length"), ("Index of the turn", "turns")):
            limits = _limits(name, available)
            current = getattr(which, name) or limits
            ends: dict[str, Any] = dict(zip(("min_value", "max_value"), limits, strict=True))
            _FORM.widget(st.slider, label, name, current, _within(limits), **ends)


def _within(limits: tuple[int, int]) -> Callable[[Any], address.Parameter]:
    return lambda span: None if span == limits else as_parameter(span)


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


def _day(texts: Sequence[str], available: FilterChoices) -> date | None:
    try:
        day = date.fromisoformat("".join(texts[:1]))
    except ValueError:
        return None
    return day if available.first and available.last and available.first <= day <= available.last else None


def _span(texts: Sequence[str], limits: tuple[int, int]) -> tuple[int, int] | None:
    ends = "".join(texts[:1]).split(_TO)
    if len(ends) != 2 or not all(end.isascii() and end.isdigit() and len(end) < 7 for end in ends):
        return None
    low, high = int(ends[0]), int(ends[1])
    within = limits[0] <= low <= high <= limits[1]
    return (low, high) if within and (low, high) != limits else None


def _scores(texts: Sequence[str]) -> tuple[float, float] | None:
    try:
        low, high = map(float, "".join(texts[:1]).split(_TO))
    except ValueError:
        return None
    return (low, high) if 0 <= low < high <= 1 else None


def _limits(name: str, available: FilterChoices) -> tuple[int, int]:
    return (1, available.longest) if name == "length" else (0, max(0, available.longest - 1))

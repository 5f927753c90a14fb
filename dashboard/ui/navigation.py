"""The conversation and turn of a page, written into its address, and the buttons to other turns."""

from dataclasses import dataclass
from urllib.parse import urlencode

import streamlit as st

from convexplain.dashboard.services.conversation import ConversationView, worst_turn
from convexplain.store import RunStore
from convexplain.store.conversations import Place, next_flagged
from convexplain.text.visible import one_line

from . import address
from .filters import source_name
from .run_selection import RunSelection
from .safe_text import message

PLACE = ("run", "rubric", "conversation", "number", "turn")
"""The parameters of a link to a turn."""


@dataclass(frozen=True, slots=True)
class ConversationAddress:
    """The conversation's id in the address, and its number and the turn where the address names them."""

    conversation: str
    number: int | None
    turn: int | None


def current_address(store: RunStore, selection: RunSelection) -> ConversationAddress | None:
    """Return the page's address, else that of the run's lowest score; None where nothing was judged."""
    conversation = st.query_params.get("conversation")
    if conversation is not None:
        return ConversationAddress(conversation, _number("number"), _number("turn"))
    worst = worst_turn(store, selection.run.id, selection.maxim.sha, selection.maxim.threshold)
    return None if worst is None else ConversationAddress(*worst)


def write_address(view: ConversationView, turn: int) -> None:
    """Write conversation and turn into the page's address, which is then a link to them."""
    number = str(view.number) if view.same_id > 1 else _current_number(view)
    address.write(conversation=view.conversation.id, turn=str(turn), number=number)
    st.session_state["last-place"] = {name: st.query_params[name] for name in PLACE if name in st.query_params}
    if view.same_id > 1:
        message(
            f"{view.same_id} conversations of this run have this id; this one is from {view.conversation.source}.",
            "soft",
        )


def last_place(run: str) -> dict[str, str]:
    """Return the parameters of the turn of a run that was open last; none where there is none."""
    place: dict[str, str] = st.session_state.get("last-place", {})
    return place if place.get("run") == run else {}


def navigation_bar(
    store: RunStore, selection: RunSelection, number: int, turn: int, view: ConversationView | None = None
) -> None:
    """Show the conversation's id and source, and the buttons to the flagged turns before and after the turn."""
    maxim = selection.maxim
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        for text, back, icon, key in (
            ("Previous flagged", True, "arrow_back", "P"),
            ("Next flagged", False, "arrow_forward", "N"),
        ):
            target = None
            if selection.mark.flags:
                target = next_flagged(store, selection.run.id, maxim.sha, maxim.threshold, number, turn, back=back)
            st.button(
                text,
                key=f"walk-{key}",
                icon=f":material/{icon}:",
                shortcut=key,
                disabled=target is None,
                help=None if selection.mark.flags else "Scores on this maxim only sort turns: none of them is flagged.",
                on_click=_go,
                args=(target,),
            )
        if view is not None:
            conversation = view.conversation
            name, source = one_line(conversation.id)[:80], source_name(conversation.source).partition(" · ")[0][:80]
            st.text(f"{name} · {source} · {len(conversation.turns)} turns", width="content")
            with st.popover("Link", icon=":material/link:"):
                st.caption("A link to this turn, to copy:")
                st.code(_link(), language=None, wrap_lines=True)


def follow_click(cell: tuple[int, str] | None, turn: int, rubric: str) -> None:
    """Go to the clicked cell of the score map, once: the map returns the same cell on every later run of the page."""
    previous = st.session_state.get("last-cell")
    st.session_state["last-cell"] = cell
    if cell is not None and cell not in (previous, (turn, rubric)):
        st.query_params.update(turn=str(cell[0]), rubric=cell[1])
        st.rerun()


def go_to_turn(turn: int) -> None:
    """Go to another turn of the conversation."""
    st.query_params["turn"] = str(turn)


def more_turns_toggle(view: ConversationView) -> bool:
    """Return whether to show more turns than the few around the selected one; show the toggle where there are more."""
    return (
        st.toggle("Show more of the conversation", key="whole", persist_state="session")
        if len(view.conversation.turns) > 13
        else False
    )


def show_failure() -> None:
    """Show why the last explanation failed."""
    if error := st.session_state.pop("explain-failed", None):
        with st.container(border=True):
            message("The turn was not explained:", "title")
            message(error)


def _link() -> str:
    """Return the page's address, as others can open it."""
    page, _, _ = (st.context.url or "").partition("?")
    parameters = [(name, value) for name in st.query_params for value in st.query_params.get_all(name)]
    return f"{page}?{urlencode(parameters)}"


def _go(place: Place | None) -> None:
    if place is not None:
        st.query_params.update(conversation=place.conversation, turn=str(place.turn), number=str(place.number))


def _current_number(view: ConversationView) -> str | None:
    # A link's number stays: without it the address would change, and Back would come here again.
    return str(view.number) if st.query_params.get("number") == str(view.number) else None


def _number(name: str) -> int | None:
    text = st.query_params.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None

"""Which conversation and turn a page is at, and the way to the next one: all of it stands in the address."""

from dataclasses import dataclass

import streamlit as st

from convexplain.dashboard.services.conversation import Talk, worst_place
from convexplain.store import RunStore
from convexplain.store.conversations import Place, next_flagged
from convexplain.text.visible import one_line

from .filters import source_name
from .plain import message
from .reading import Reading


@dataclass(frozen=True, slots=True)
class Where:
    """What the address says: the conversation's id; its number and the turn, where they are said."""

    conversation: str
    number: int | None
    turn: int | None


def place_from_address(store: RunStore, reading: Reading) -> Where | None:
    """The place in the address, else the lowest score of the run; None where nothing was judged."""
    asked = st.query_params.get("conversation")
    if asked is not None:
        return Where(asked, _number("number"), _number("turn"))
    found = worst_place(store, reading.run.id, reading.maxim.sha, reading.maxim.threshold)
    return None if found is None else Where(*found)


def turn_chosen(reading: Reading, talk: Talk, turn: int) -> None:
    """Writes the place into the address, which is then a link to it."""
    st.query_params.update(conversation=talk.conversation.id, turn=str(turn))
    if talk.same_id > 1:
        st.query_params["number"] = str(talk.number)
        message(
            f"{talk.same_id} conversations of this run have this id; this one is from {talk.conversation.source}.",
            "soft",
        )
    elif "number" in st.query_params:
        del st.query_params["number"]


def walk(store: RunStore, reading: Reading, number: int, turn: int, talk: Talk | None = None) -> None:
    """Which conversation it is, and the buttons to the flagged turns before and after."""
    maxim = reading.maxim
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        for text, back, icon, key in (
            ("Previous flagged", True, "arrow_back", "P"),
            ("Next flagged", False, "arrow_forward", "N"),
        ):
            found = next_flagged(store, reading.run.id, maxim.sha, maxim.threshold, number, turn, back=back)
            st.button(
                text,
                key=f"walk-{key}",
                icon=f":material/{icon}:",
                shortcut=key,
                disabled=found is None,
                on_click=_go,
                args=(found,),
            )
        if talk is not None:
            shown = talk.conversation
            st.text(
                f"{one_line(shown.id)[:80]} · {source_name(shown.source)[:80]} · {len(shown.turns)} turns",
                width="content",
            )


def follow(picked: tuple[int, str] | None, turn: int, rubric: str) -> None:
    """Goes to a cell of the strip that was clicked: once, though the strip goes on to say what was clicked."""
    seen = st.session_state.get("strip-seen")
    st.session_state["strip-seen"] = picked
    if picked is not None and picked not in (seen, (turn, rubric)):
        st.query_params.update(turn=str(picked[0]), rubric=picked[1])
        st.rerun()


def look_at(turn: int) -> None:
    """Goes to another turn of the conversation."""
    st.query_params["turn"] = str(turn)


def show_whole(talk: Talk) -> bool:
    """Whether more than the turns around the chosen one are to be shown."""
    return (
        st.toggle("More of the conversation", key="whole", persist_state="session")
        if len(talk.conversation.turns) > 13
        else False
    )


def say_failure() -> None:
    """Says what became of an explanation that failed."""
    if said := st.session_state.pop("explain-failed", None):
        with st.container(border=True):
            message("The turn was not explained:", "title")
            message(said)


def _go(found: Place | None) -> None:
    if found is not None:
        st.query_params.update(conversation=found.conversation, turn=str(found.turn), number=str(found.number))


def _number(name: str) -> int | None:
    given = st.query_params.get(name, "")
    return int(given) if given.isascii() and given.isdigit() and len(given) < 10 else None

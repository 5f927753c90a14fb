"""The form for the map of a log's fields: filled with the map that the log suggests, to be corrected."""

from collections.abc import Mapping, Sequence

import streamlit as st

from convexplain.connectors.logs import FieldMap, MapProposal
from convexplain.dashboard.services.uploads import Preview, named_maps, save_named_map
from convexplain.errors import ConvexplainError, UsageError

from .safe_text import message

_MAP_PARTS = {
    "turns": "Where a record holds its list of turns; empty where each record or row is a turn.",
    "role": "Where a turn names its speaker.",
    "content": "Where a turn holds its text.",
    "id": "Where the id of the conversation is.",
    "user": "Of records that are a question with its answer: the question. Beside a role: a speaker who is a user.",
    "assistant": "Likewise the answer. Beside a role: a speaker who is the assistant.",
    "order": "A number or a time that orders the turns.",
    "name": "The speaker's name.",
    "at": "The time of a turn.",
    "records": "Where a value of the file holds the records.",
    "system": "Where a system text is.",
    "public": "A truth value that says whether a turn is public; the others are left out.",
    "private": "Likewise whether it is private.",
    "first": "Of a list of texts that alternate: user or assistant, who speaks first.",
    "table": "The table of a database, or the sheet of a workbook.",
}


def map_form(previews: Sequence[Preview]) -> str | None:
    """Show the fields of a map, and return its text; None where none is filled in, or it is not to be used.

    Args:
        previews: the uploaded files as they are read without a map. What they suggest fills the fields; with a
            doubt, only a person's change or consent makes it count.
    """
    proposal = _common_proposal(previews)
    suggested = "" if proposal is None else str(proposal.field_map)
    if st.session_state.get("map-suggested", "") != suggested:
        st.session_state["map-suggested"] = suggested
        for part in _MAP_PARTS:
            st.session_state[f"map-{part}"] = _place(None if proposal is None else proposal.field_map, part)
    with st.expander("Fields: where turns, speakers and texts are", expanded=proposal is not None):
        st.caption(
            "Needed only where a log is not recognised. Write keys of the JSON, columns of the table, or JMESPath; "
            "several speakers with ; between them."
        )
        _saved_maps()
        cells = st.columns(3)
        places = {
            part: cells[i % 3].text_input(part, key=f"map-{part}", help=meaning)
            for i, (part, meaning) in enumerate(_MAP_PARTS.items())
        }
        text = _checked_text(places)
        _save_form(text)
        if proposal is None or not proposal.doubts or text != suggested:
            return text
        return text if st.checkbox("These fields are right", key="map-accepted") else None


def _saved_maps() -> None:
    """Show the saved maps; the one that is chosen fills the fields."""
    maps = named_maps()
    if maps:
        st.selectbox(
            "Saved maps",
            list(maps),
            index=None,
            placeholder="none",
            key="saved-map",
            on_change=_fill_fields,
            args=(maps,),
            help="Fills the fields below. The command line takes the same names: --map NAME.",
        )


def _fill_fields(maps: Mapping[str, FieldMap]) -> None:
    chosen = maps.get(st.session_state["saved-map"])
    for part in _MAP_PARTS if chosen is not None else ():
        st.session_state[f"map-{part}"] = _place(chosen, part)


def _save_form(text: str | None) -> None:
    """Show the name under which the fields are saved."""
    name_column, button_column = st.columns([3, 1], vertical_alignment="bottom")
    name = name_column.text_input("Save these fields as", key="saved-map-name", placeholder="a name, such as calls")
    button_column.button(
        "Save", key="saved-map-save", disabled=not (text and name), on_click=_save, args=(name, text), width="stretch"
    )
    if outcome := st.session_state.pop("saved-map-outcome", None):
        message(*outcome)


def _save(name: str, text: str) -> None:
    try:
        save_named_map(name, text)
    except ConvexplainError as error:
        st.session_state["saved-map-outcome"] = (str(error), "error")
    else:
        st.session_state["saved-map-outcome"] = (f"Saved as {name}.", "soft")


def _common_proposal(previews: Sequence[Preview]) -> MapProposal | None:
    """Return the map that all files suggest; None where they differ."""
    proposals = [
        None if preview.inspected is None else next(iter(preview.inspected.proposals), None) for preview in previews
    ]
    texts = {None if proposal is None else str(proposal.field_map) for proposal in proposals}
    return proposals[0] if len(texts) == 1 else None


def _place(field_map: FieldMap | None, part: str) -> str:
    place = None if field_map is None else getattr(field_map, part)
    return "; ".join(place) if isinstance(place, tuple) else place or ""


def _checked_text(places: dict[str, str]) -> str | None:
    """Return the text of a map with these places; None where there is none, or where it is not valid."""
    pairs = [
        (part, place.strip())
        for part, text in places.items()
        for place in (text.split(";") if part in ("user", "assistant") else [text])
        if place.strip()
    ]
    try:
        return str(FieldMap.parse(", ".join(f"{part}={place}" for part, place in pairs))) if pairs else None
    except UsageError as error:
        message(str(error), "error")
        return None

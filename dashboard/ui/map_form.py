"""The form for the map of a log's fields: filled with the map that the log suggests, to be corrected."""

from collections.abc import Sequence

import streamlit as st

from convexplain.connectors.logs import FieldMap, MapProposal
from convexplain.dashboard.services.uploads import Preview
from convexplain.errors import UsageError

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
            st.session_state[f"map-{part}"] = _place(proposal, part)
    with st.expander("Fields: where turns, speakers and texts are", expanded=proposal is not None):
        st.caption(
            "Needed only where a log is not recognised. Write keys of the JSON, columns of the table, or JMESPath; "
            "several speakers with ; between them."
        )
        cells = st.columns(3)
        places = {
            part: cells[i % 3].text_input(part, key=f"map-{part}", help=meaning)
            for i, (part, meaning) in enumerate(_MAP_PARTS.items())
        }
        text = _checked_text(places)
        if proposal is None or not proposal.doubts or text != suggested:
            return text
        return text if st.checkbox("These fields are right", key="map-accepted") else None


def _common_proposal(previews: Sequence[Preview]) -> MapProposal | None:
    """Return the map that all files suggest; None where they differ."""
    proposals = [
        None if preview.inspected is None else next(iter(preview.inspected.proposals), None) for preview in previews
    ]
    texts = {None if proposal is None else str(proposal.field_map) for proposal in proposals}
    return proposals[0] if len(texts) == 1 else None


def _place(proposal: MapProposal | None, part: str) -> str:
    place = None if proposal is None else getattr(proposal.field_map, part)
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

"""The fields that say how a turn is explained: the method of an attribution, and the search for an edit."""

from typing import get_args

import streamlit as st

from convexplain.explain.settings import AttributionSettings, ContrastSettings
from convexplain.search import ATTRIBUTION_METHODS, CONTRAST_SEARCHES, described, offered_searches
from convexplain.search.similarity import Similarity

_SIMILARITIES: dict[Similarity, str] = {
    "edits": "The fewest edits",
    "bleu": "The highest BLEU with the text before",
    "rouge": "The highest ROUGE-L with the text before",
}


def attribution_fields(key: str) -> AttributionSettings:
    """Show the fields of an attribution and return its settings.

    Raises:
        UsageError: the fields do not fit together.
    """
    default = AttributionSettings()
    names = ATTRIBUTION_METHODS.names
    method = st.selectbox(
        "Method",
        names,
        index=names.index(default.method),
        key=f"{key}-method",
        help=described(ATTRIBUTION_METHODS.records),
    )
    mixed = st.checkbox(
        "One ranking",
        key=f"{key}-mixed",
        help="The parts of the top units are compared with the undivided units in one ranking (mixed units). Without "
        "it each level (turns, sentences, phrases) has a ranking of its own.",
    )
    target = st.text_input(
        "Only this part of the reply",
        key=f"{key}-target",
        help="A sentence or a claim that occurs once in the reply. It is judged alone, in the reply’s place. Empty: "
        "the whole reply.",
    )
    return AttributionSettings(method, mixed=mixed, target=target.strip() or None)


def search_fields(key: str) -> ContrastSettings:
    """Show the fields of a search for an edit and return its settings."""
    searches = offered_searches()
    names = [search.name for search in searches]
    name = st.selectbox("Search", names, index=names.index("natural"), key=f"{key}-search", help=described(searches))
    similarity = st.selectbox(
        "Which edit is the smallest",
        get_args(Similarity),
        format_func=lambda choice: _SIMILARITIES[choice],
        key=f"{key}-similarity",
    )
    alpha, radius = 0.5, 0
    if "alpha" in CONTRAST_SEARCHES.get(name).options:
        alpha = st.number_input(
            "Alpha",
            0.0,
            1.0,
            0.5,
            0.1,
            key=f"{key}-alpha",
            help="Of the texts that a round begins with, the share that goes on from the best texts so far.",
        )
        radius = st.number_input(
            "Radius",
            0,
            None,
            0,
            key=f"{key}-radius",
            help="Only units at most so many places from an edited one are edited; 0: anywhere.",
        )
    return ContrastSettings(search=name, similarity=similarity, alpha=alpha, radius=radius or None)

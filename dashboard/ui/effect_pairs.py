"""Pairs of units that count together: a sentence and a small table of scores for each."""

from collections.abc import Sequence

import streamlit as st

from convexplain.explain.interactions import PAIRS_HEADING
from convexplain.report.pair_pictures import PairPicture, pair_pictures
from convexplain.types import Attribution, Conversation

from .safe_text import message


def show_pairs(conversation: Conversation, levels: Sequence[Attribution]) -> None:
    """Show the pairs of these attributions that count together; nothing where there are none."""
    show_pictures(pair_pictures(conversation, levels))


def show_pictures(pictures: Sequence[PairPicture]) -> None:
    """Show pictures of pairs that count together, with a heading; nothing where there are none."""
    if pictures:
        message(f"{PAIRS_HEADING}:", "soft")
    for picture in pictures:
        message(picture.sentence)
        st.html(pair_table(picture))


def pair_table(picture: PairPicture) -> str:
    """Return a pair's scores as an HTML table: with and without the first unit down, the second across."""
    names = ("with the first", "without it")
    rows = "".join(
        f"<tr><th>{name}</th>{''.join(map(_cell, scores))}</tr>"
        for name, scores in zip(names, picture.rows, strict=True)
    )
    return f'<table class="cx-pair"><tr><td></td><th>with the second</th><th>without it</th></tr>{rows}</table>'


def _cell(score: float) -> str:
    return f'<td><i style="width:{100 * score:.0f}%"></i>{score:.2f}</td>'

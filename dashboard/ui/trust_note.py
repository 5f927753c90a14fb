"""The trust in a judge on a page: its word in bold, and what may be believed of the scores."""

import re
from collections.abc import Sequence

import streamlit as st

from convexplain.report.trust_marks import TrustMark

from .safe_text import escaped


def trust_note(*marks: TrustMark, names: Sequence[str] = ("",)) -> None:
    """Show the trust in one judge, or in several with their names; equal ones are shown once, without a name.

    A name says what the trust is about, where the page shows several judges or maxims.
    """
    if len(marks) > 1 and len(set(marks)) == 1:
        marks, names = marks[:1], ("",)
    st.html("".join(_note(mark, name) for mark, name in zip(marks, names, strict=True)))


def _note(mark: TrustMark, name: str) -> str:
    start = f"{escaped(name)}: " if name else ""
    word = mark.word if name else mark.word.capitalize()
    kind = "" if mark.flags else " grey"
    sentence = re.sub(r"`([^`]+)`", r"<code>\1</code>", escaped(mark.sentence))  # names of commands
    return f'<div class="cx cx-trust{kind}">{start}<b>{escaped(word)}.</b> {sentence}</div>'

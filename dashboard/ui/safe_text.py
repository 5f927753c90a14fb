"""Untrusted text on a page: text of logs, readers and models is always shown as text, never as markup."""

import html
import re
from collections.abc import Iterable
from typing import Literal

import streamlit as st

from convexplain.text.visible import one_line, visible
from convexplain.types import Turn

Level = Literal["title", "soft", "error", "body"]
_STYLES = {
    "title": "font-weight:600",
    "soft": "color:var(--cx-soft);font-size:.9em",
    "error": "border-left:3px solid #b3541e;padding-left:.6em",
    "body": "",
}
_LONGEST = 4000  # characters shown of one text


def escaped(text: str, longest: int = _LONGEST) -> str:
    """Return text as HTML, with visible control and bidirectional characters; very long text is cut."""
    text = visible(text)
    ellipsis = f" … ({len(text) - longest:,} more characters)" if len(text) > longest else ""
    return html.escape(text[:longest] + ellipsis)


def label_text(text: str, longest: int = 300) -> str:
    """Return text as the label of a button: its Markdown characters are escaped, and no name of an icon is left."""
    label = one_line(text)
    label = label if len(label) <= longest else f"{label[:longest]} …"
    return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", label).replace("\\:", "\\:\u200b")


def message(text: str, level: Level = "body") -> None:
    """Show one paragraph; an error is marked by a word too."""
    lines((text, level))


def lines(*paragraphs: tuple[str, Level]) -> None:
    """Show paragraphs that belong together; nothing where there is none."""
    if paragraphs:
        st.html("".join(_line(text, level) for text, level in paragraphs))


def _line(text: str, level: Level) -> str:
    word = "Problem: " if level == "error" else ""
    return f'<div style="white-space:pre-wrap;overflow-wrap:anywhere;{_STYLES[level]}">{word}{escaped(text)}</div>'


def chat(turns: Iterable[Turn], judged: int | None = None, first: int = 0) -> None:
    """Show turns one below the other, counted from `first`; a line and a word mark the judged one."""
    st.html(chat_html(turns, judged, first))


def chat_html(turns: Iterable[Turn], judged: int | None = None, first: int = 0) -> str:
    """Return turns as HTML, as `chat` shows them."""
    parts = []
    for i, turn in enumerate(turns, first):
        name = f" ({escaped(turn.name, 80)})" if turn.name else ""
        mark = " · judged" if i == judged else ""
        colour = "#2f86bf" if i == judged else "rgba(128,128,128,.4)"
        parts.append(
            f'<div style="border-left:3px solid {colour};padding:.2em .75em;margin:.4em 0;white-space:pre-wrap;'
            f'overflow-wrap:anywhere;unicode-bidi:plaintext"><span style="display:block;color:var(--cx-soft);'
            f'font-size:.8em">'
            f"{i} · {turn.role}{name}{mark}</span>{escaped(turn.content)}</div>"
        )
    return "".join(parts)

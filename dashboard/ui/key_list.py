"""The list of all keys, which every page shows on request."""

import streamlit as st

_KEYS = {
    "Conversation": (
        ("N, P", "the next and the previous flagged turn"),
        ("E", "edit the selected turn"),
        ("Ctrl+Enter", "score the edited text"),
    ),
    "Labels": (
        ("1 to 9", "give the label, and go on"),
        ("→, ←", "skip the turn; back to the one before"),
        ("U", "take the last label back"),
        ("N, T", "write a note; put the turn into a theme"),
    ),
    "Contrast pairs": (
        ("N, P", "the next and the previous pair"),
        ("A, X", "accept or reject the pair"),
    ),
}


def key_list() -> None:
    """Show a button that opens the list of keys."""
    with st.popover("Keys", icon=":material/keyboard:", type="tertiary"):
        for page, keys in _KEYS.items():
            rows = "".join(f"<tr><td><kbd>{key}</kbd></td><td>{action}</td></tr>" for key, action in keys)
            st.html(f'<div class="cx"><b>{page}</b><table class="cx-keys">{rows}</table></div>')

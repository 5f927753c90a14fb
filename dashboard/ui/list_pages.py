"""The page of a long list: its number lives in the address."""

import streamlit as st

from . import address


def list_page(pages: int) -> int:
    """Return the number of the page that the address names, between 1 and the number of pages."""
    text = st.query_params.get("page", "1")
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 8 else 1
    return min(max(number, 1), pages)


def show_list_page(key: str, page: int, pages: int) -> None:
    """Show the numbers of the pages, where there are several; a click goes to one.

    Args:
        key: of the list, for Streamlit.
        page: the page that is shown.
        pages: how many there are.
    """
    widget = f"{key}-{page}"  # another page is another widget, which begins with its own number

    def changed() -> None:
        chosen = st.session_state[widget]
        address.write(page=None if chosen == 1 else str(chosen))

    if pages > 1:
        st.pagination(pages, default=page, key=widget, max_visible_pages=5, on_change=changed)

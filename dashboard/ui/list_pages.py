"""The page of a long list: its number lives in the address."""

import streamlit as st

from . import address


def list_page(key: str, pages: int) -> int:
    """Return the number of the page that the address names, between 1 and the number of pages."""
    text = st.query_params.get("page", "1")
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 8 else 1
    page: int = min(max(number, 1), pages)
    st.session_state[key] = page
    return page


def show_list_page(key: str, pages: int) -> None:
    """Show the numbers of the pages, where there are several; a click goes to one."""

    def changed() -> None:
        page = st.session_state[key]
        address.write(page=None if page == 1 else str(page))

    if pages > 1:
        st.pagination(pages, key=key, max_visible_pages=5, on_change=changed)

"""The run store that the pages show."""

import streamlit as st

from convexplain.errors import StoreError
from convexplain.store import RunStore
from convexplain.workspace import default_database

from .safe_text import message


def database() -> str:
    """Return the store's URL or file: that of `--db`, or the one in the user's data folder."""
    return default_database()


def open_store() -> RunStore:
    """Return the store, opened once for all pages and people; stop the page with the reason where that fails."""
    try:
        return cached_store(database())
    except StoreError as error:
        message(str(error), "error")
        st.stop()


@st.cache_resource(show_spinner=False, on_release=RunStore.close)
def cached_store(url: str) -> RunStore:
    """Return the store of a URL or file, opened once.

    Raises:
        StoreError: it cannot be opened.
    """
    return RunStore(url)

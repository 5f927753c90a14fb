"""Which store the pages show."""

import streamlit as st

from convexplain.errors import StoreError
from convexplain.store import RunStore
from convexplain.workspace import default_database

from .plain import message


def database() -> str:
    """Return the store's URL or file: what `--db` named, or the one in the user's data folder."""
    return default_database()


def store() -> RunStore:
    """The store, opened once for all pages and people. Where it cannot be opened, the page ends with the reason."""
    try:
        return _opened(database())
    except StoreError as error:
        message(str(error), "error")
        st.stop()


@st.cache_resource(show_spinner=False, on_release=RunStore.close)
def _opened(url: str) -> RunStore:
    return RunStore(url)

"""The page's address: it holds all that a page shows, so that links, reloading and the browser's Back keep it."""

from collections.abc import Sequence

import streamlit as st

Parameter = str | Sequence[str] | None
"""A value of the address; several for a filter by several names; None removes it."""


def write(**parameters: Parameter) -> None:
    """Change parameters of the address in one step, which the browser's Back undoes in one press."""
    before = {name: st.query_params.get_all(name) for name in st.query_params}
    after = dict(before)
    for name, value in parameters.items():
        after.pop(name, None)
        if value is not None:
            after[name] = [value] if isinstance(value, str) else list(value)
    after = {name: values for name, values in after.items() if values}
    if after != before:
        st.query_params.from_dict(after)

"""Who may see the dashboard: everybody, who knows a password, or who an identity provider knows."""

import time

import streamlit as st

from convexplain.dashboard.services.access import password, right

_WAIT = 1.0  # seconds after a wrong password: guessing is slow


def signed_in() -> bool:
    """Whether the pages may be shown; asks for what is missing."""
    if "auth" in _secrets() and not st.user.is_logged_in:
        st.title("convexplain")
        st.button("Sign in", type="primary", on_click=st.login)
        return False
    wanted = password()
    if wanted is None or st.session_state.get("signed-in"):
        return True
    st.title("convexplain")
    with st.form("sign-in", border=False, width=360):
        given = st.text_input("Password", type="password", autocomplete="current-password")
        if st.form_submit_button("Sign in", type="primary"):
            if right(given, wanted):
                st.session_state["signed-in"] = True
                st.rerun()
            time.sleep(_WAIT)
            st.error("That is not the password.")
    return False


def _secrets() -> list[str]:
    return list(st.secrets) if st.secrets.load_if_toml_exists() else []

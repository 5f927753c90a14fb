"""Sign-in by a password or an identity provider, where one of them is configured."""

import time

import streamlit as st

from convexplain.dashboard.services.access import configured_password, password_matches

_WAIT = 1.0  # seconds after a wrong password, so that guessing is slow


def signed_in() -> bool:
    """Return whether the visitor may see the pages; show the form to sign in where not."""
    if "auth" in _secrets() and not st.user.is_logged_in:
        st.title("convexplain")
        st.button("Sign in", type="primary", on_click=st.login)
        return False
    password = configured_password()
    if password is None or st.session_state.get("signed-in"):
        return True
    st.title("convexplain")
    with st.form("sign-in", border=False, width=360):
        typed = st.text_input("Password", type="password", autocomplete="current-password")
        if st.form_submit_button("Sign in", type="primary"):
            if password_matches(typed, password):
                st.session_state["signed-in"] = True
                st.rerun()
            time.sleep(_WAIT)
            st.error("The password is wrong.")
    return False


def _secrets() -> list[str]:
    return list(st.secrets) if st.secrets.load_if_toml_exists() else []

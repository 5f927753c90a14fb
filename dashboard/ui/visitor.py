"""The person in front of a page: who signed in in this browser."""

import streamlit as st

from convexplain.dashboard.services.access import configured_passwords, configured_providers
from convexplain.dashboard.services.people import LOCAL, Person, identify_people_by
from convexplain.dashboard.services.reviewer_names import BROWSER, REVIEWER_NAMES
from convexplain.dashboard.services.sessions import SESSIONS

from .safe_text import escaped

_COOKIE = "convexplain_session"


@st.cache_resource(show_spinner=False)
def _sign_in_needed() -> bool:
    return bool(configured_passwords()) or configured_providers() is not None


def visitor() -> Person | None:
    """Return who is in front of the page; None where people have to sign in and nobody has."""
    if not _sign_in_needed():
        return LOCAL
    cookies = st.context.cookies
    token = cookies.get(f"__Host-{_COOKIE}", cookies.get(_COOKIE))  # the gate has looked at the right one
    return SESSIONS.peek(token) if isinstance(token, str) else None


def show_visitor(person: Person) -> None:
    """Show who has signed in, and the way out; where nobody has to sign in, only know the typed name again."""
    if person is LOCAL:
        _recall_name()
    else:
        st.session_state["reviewer"] = person.name  # labels and reviews are kept under it
        name, role = escaped(person.name), escaped(person.role)
        st.html(
            f'<div class="cx cx-soft">{name} ({role}) · <a href="/sign-out" target="_self">Sign out</a></div>',
            width="content",
        )


def _recall_name() -> None:
    browser = st.context.cookies.get(BROWSER)
    if "reviewer" in st.session_state:
        REVIEWER_NAMES.keep(browser, st.session_state["reviewer"])
    elif name := REVIEWER_NAMES.find(browser):
        st.session_state["reviewer"] = name


identify_people_by(visitor)

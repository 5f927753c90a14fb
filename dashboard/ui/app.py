"""The script behind the gate (`dashboard/server`): it runs the pages for people who have signed in.

It is not beside the folder `pages`, because Streamlit would then serve each page at its address without running this
script.
"""

from pathlib import Path

import streamlit as st

from convexplain.dashboard.ui.key_list import key_list
from convexplain.dashboard.ui.page_links import link_parameters
from convexplain.dashboard.ui.style import CSS
from convexplain.dashboard.ui.visitor import show_visitor, visitor

_PAGES = Path(__file__).parents[1] / "pages"


# No icons: the browser would fetch that of the page from another server.
def _page(name: str, title: str, default: bool = False) -> st.Page:
    return st.Page(_PAGES / f"{name}.py", title=title, url_path=name, default=default)


st.set_page_config("convexplain", layout="wide", initial_sidebar_state="collapsed")
st.html(CSS)
pages = [
    _page("overview", "Overview", default=True),
    _page("conversation", "Conversation"),
    _page("themes", "Themes"),
    _page("pairs", "Contrast pairs"),
    _page("compare", "Compare"),
    _page("upload", "Upload and run"),
    _page("rubrics", "Rubrics"),
    _page("labels", "Labels"),
]
person = visitor()
if person is not None and person.may("manage connections"):
    pages.append(_page("connections", "Connections"))
page = st.navigation(pages, position="hidden")
if person is None:
    st.title("convexplain")
    st.error("Your session has ended. Reload the page to sign in again.")
else:
    # Links of our own: those of st.navigation drop the run from the address, which then takes two presses of Back.
    parameters = link_parameters()
    with st.container(key="pages", horizontal=True, vertical_alignment="center", gap="small"):
        for linked in pages:
            st.page_link(linked, query_params=parameters.get(linked.url_path, parameters[""]))
        key_list()
        show_visitor(person)
    page.run()

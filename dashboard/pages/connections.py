"""Connections: the servers that judge, added with their keys, tried and removed."""

import streamlit as st

from convexplain.dashboard.services.connections import list_connections
from convexplain.dashboard.services.people import allowed
from convexplain.dashboard.ui.connection_parts import add_form, show_connection
from convexplain.dashboard.ui.safe_text import message
from convexplain.errors import UsageError

st.title("Connections")
if not allowed("manage connections"):
    st.info("Somebody with the role admin adds the servers that judge.")
    st.stop()
try:
    entries = list_connections()
except UsageError as error:
    message(str(error), "error")
    st.stop()
st.header("Servers that can judge", anchor=False)
if not entries:
    message("No connection is registered yet.", "soft")
for entry in entries:
    show_connection(entry)
add_form()

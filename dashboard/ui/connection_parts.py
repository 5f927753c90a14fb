"""The parts of the page Connections: one connection with its buttons, and the form for a new one."""

import streamlit as st

from convexplain.dashboard.services.connections import add_connection, can_remove, remove_connection, try_connection
from convexplain.dashboard.services.model_choices import any_model_allowed
from convexplain.errors import ConvexplainError
from convexplain.workspace import ConnectionEntry

from .safe_text import Level, escaped, lines, message


def show_connection(entry: ConnectionEntry) -> None:
    """Show a connection: its address, where its key is, what was learnt of it; and test or remove it."""
    with st.container(border=True, key=f"connection-{entry.name}"):
        rows: list[tuple[str, Level]] = [(entry.judge, "title"), (entry.url, "body"), (f"Key: {entry.key}", "soft")]
        if entry.public_only:
            rows.append(("Added on this page: it reaches public addresses only.", "soft"))
        for model, learnt in entry.endpoint.items():
            rows.append((f"{model}: " + ", ".join(f"{title} {text}" for title, text in learnt), "soft"))
        lines(*rows)
        with st.container(horizontal=True, gap="small"):
            tested = st.button("Test", key=f"test-{entry.name}", help="Ask it a few questions.")
            if can_remove(entry):
                with st.popover("Remove", key=f"remove-{entry.name}"):
                    message(f"{entry.judge} and its key are deleted. Runs that it judged stay.")
                    st.button("Delete it", key=f"delete-{entry.name}", on_click=_remove, args=(entry.name,))
        if tested:
            _test(entry.name)
        if refusal := st.session_state.pop(f"connection-refusal-{entry.name}", None):
            message(refusal, "error")


def add_form() -> None:
    """Show the form for a new connection. The key leaves the browser's session when the form is sent."""
    st.header("Add a server", anchor=False)
    with st.form("connection-form", width=640):
        st.text_input("Name", key="connection-name", max_chars=60, help="Small letters, digits, - and _.")
        st.text_input(
            "Address",
            key="connection-url",
            max_chars=2000,
            placeholder="https://HOST/v1?model=NAME",
            help="The URL of a server with the OpenAI chat completions protocol, or PROVIDER:MODEL, as openai:gpt-5.",
        )
        st.text_input("Key", key="connection-key", type="password", max_chars=4000, autocomplete="off")
        st.caption(
            "The key goes to this address and nowhere else. It lies in the keyring or in a private file of the server, "
            "and is never shown again."
            + ("" if any_model_allowed() else " Private addresses are refused: the operator adds those.")
        )
        st.form_submit_button("Add", type="primary", on_click=_add)
    if outcome := st.session_state.pop("connection-outcome", None):
        message(*outcome)


def _add() -> None:
    state = st.session_state
    key = state["connection-key"]
    state["connection-key"] = ""
    try:
        entry = add_connection(state["connection-name"].strip(), state["connection-url"], key.strip())
    except (ConvexplainError, OSError) as error:
        state["connection-outcome"] = (str(error), "error")
    else:
        state["connection-name"] = state["connection-url"] = ""
        state["connection-outcome"] = (f"{entry.judge} is there. Its key: {entry.key}.", "body")


def _remove(name: str) -> None:
    try:
        remove_connection(name)
    except (ConvexplainError, OSError) as error:
        st.session_state[f"connection-refusal-{name}"] = str(error)


def _test(name: str) -> None:
    with st.spinner("It is asked a few questions …"):
        try:
            traits = try_connection(name)
        except ConvexplainError as error:
            message(str(error), "error")
            return
    rows = "".join(f'<tr><th scope="row">{escaped(title)}</th><td>{escaped(text)}</td></tr>' for title, text in traits)
    st.html(f'<table class="cx cx-pair">{rows}</table>')

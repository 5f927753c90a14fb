"""An uploaded log as it was recognised, and what may be corrected."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from convexplain.connectors.logs import LOG_FORMATS, LogInspection
from convexplain.dashboard.services.uploads import Preview, keep_upload, preview
from convexplain.errors import UsageError
from convexplain.text.visible import one_line
from convexplain.types import Conversation
from convexplain.workspace import LogSettings
from convexplain.workspace.logs import COLUMNS, columns_text

from .plain import chat, lines, message

_SPEAKERS = 50
_PROBLEMS = 20
_TURNS = 6


def kept_files(given: Sequence[UploadedFile]) -> list[Path]:
    """The uploaded files where they are kept, each written once."""
    kept: dict[str, Path] = st.session_state.setdefault("kept", {})
    for one in given:
        if one.file_id not in kept:
            kept[one.file_id] = keep_upload(one.name, one)
    return [kept[one.file_id] for one in given]


@st.cache_resource(max_entries=20, show_spinner="Looking at the log …")
def looked_at(file: Path, reading: LogSettings) -> Preview:
    """What is recognised in a file; an uploaded file never changes."""
    return preview(file, reading)


def show_preview(found: Preview, *, opened: bool) -> None:
    """What was recognised in one file, in full where it is `opened`."""
    with st.container(border=True):
        if found.found is None:
            message(f"{found.path.name}: {found.error}", "error")
            return
        seen = found.found
        part = "all of it" if seen.whole else "its first part"
        what = f"{seen.conversations:,} conversations with {seen.turns:,} turns, from {part}"
        kinds = _counted(seen.formats.items())
        lines(
            (f"{found.path.name}: {f'format {kinds}' if kinds else 'no known format'}", "title"),
            (f"{what}; {_counted(seen.encodings.items()) or 'no text'}", "soft"),
        )
        for problem in seen.problems[:_PROBLEMS]:
            where = "" if problem.line is None else f"{problem.line}: "
            message(f"{where}{problem.reason}", "soft" if problem.kept else "error")
        if (more := len(seen.problems) - _PROBLEMS) > 0:
            message(f"and {more:,} more problems", "soft")
        if seen.first is not None:
            with st.expander("Who speaks, and the first conversation", expanded=opened):
                _details(seen, seen.first)


def _details(seen: LogInspection, first: Conversation) -> None:
    left, right = st.columns([3, 2])
    with left:
        st.dataframe(
            [
                {"in the log": one_line(word), "name": one_line(name), "role": role, "turns": count}
                for (word, name, role), count in seen.speakers.most_common(_SPEAKERS)
            ],
            hide_index=True,
            height="content",
        )
    with right:
        message(first.id, "soft")
        chat(first.turns[:_TURNS])
        if (more := len(first.turns) - _TURNS) > 0:
            message(f"and {more:,} more turns", "soft")


def correct_reading(found: Sequence[Preview]) -> LogSettings:
    """Format, columns, assistants and redaction, as the person sets them."""
    names = sorted(
        {
            name or word
            for one in found
            if one.found is not None
            for word, name, _ in one.found.speakers
            if one_line(name or word)
        }
    )
    left, right = st.columns(2)
    kinds = LOG_FORMATS.names
    chosen = left.selectbox("Format", kinds, index=None, placeholder="recognised by content", key="format")
    assistant = right.multiselect(
        "Who is the assistant?", names, placeholder="recognised by name", key="assistant", accept_new_options=True
    )
    redact = st.toggle(
        "Replace personal data",
        key="redact",
        help="E-mail addresses, phone numbers, cards, IBANs and IP addresses, before the judge or the store sees them. "
        "The uploaded file itself stays as it is.",
    )
    with st.expander("Columns of a table"):
        st.caption("Only where they are not recognised; write a column's name as the first row has it.")
        cells = st.columns(3)
        given = {part: cells[i % 3].text_input(part, key=f"column-{part}") for i, part in enumerate(COLUMNS)}
    try:
        columns = columns_text(given)
    except UsageError as error:
        message(str(error), "error")
        columns = None
    return LogSettings(chosen, columns, tuple(assistant), redact)


def _counted(counts: Iterable[tuple[str, int]]) -> str:
    return ", ".join(f"{one_line(name)} ({count:,})" for name, count in counts)

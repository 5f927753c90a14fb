"""The preview of an uploaded log, and the form that corrects how it is read."""

from collections.abc import Collection, Sequence
from pathlib import Path

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from convexplain.connectors.logs import LOG_FORMATS, LogInspection
from convexplain.dashboard.services.uploads import Preview, preview, store_upload
from convexplain.text.visible import one_line
from convexplain.types import Conversation
from convexplain.workspace import LogSettings

from .map_form import map_form
from .safe_text import chat, lines, message

_SPEAKERS = 50
_PROBLEMS = 20
_TURNS = 6


def stored_files(uploads: Sequence[UploadedFile]) -> list[Path]:
    """Store uploaded files, each once, and return their paths."""
    paths: dict[str, Path] = st.session_state.setdefault("stored-files", {})
    for upload in uploads:
        if upload.file_id not in paths:
            paths[upload.file_id] = store_upload(upload.name, upload)
    return [paths[upload.file_id] for upload in uploads]


@st.cache_resource(max_entries=20, show_spinner="Reading the log …")
def cached_preview(file: Path, reading: LogSettings) -> Preview:
    """Return the preview of a file; it is cached because an uploaded file never changes."""
    return preview(file, reading)


def show_preview(preview: Preview, *, opened: bool) -> None:
    """Show the recognised content of one file; `opened` shows the speakers and the first conversation at once."""
    with st.container(border=True):
        inspected = preview.inspected
        if inspected is None:
            message(f"{preview.path.name}: {preview.error}", "error")
            return
        part = "the complete file" if inspected.complete else "the first part of the file"
        size = f"{inspected.conversations:,} conversations with {inspected.turns:,} turns, from {part}"
        kinds = _counted(inspected.formats.items())
        lines(
            (f"{preview.path.name}: {f'format {kinds}' if kinds else 'no known format'}", "title"),
            (f"{size}; {_counted(inspected.encodings.items()) or 'no text'}", "soft"),
        )
        for proposal in inspected.proposals:
            message(f"No known format: read by the fields {proposal.field_map}", "soft")
            for doubt in proposal.doubts:
                message(f"To decide below: {doubt}", "error")
        for problem in inspected.problems[:_PROBLEMS]:
            line = "" if problem.line is None else f"{problem.line}: "
            message(f"{line}{problem.reason}", "soft" if problem.kept else "error")
        if (more := len(inspected.problems) - _PROBLEMS) > 0:
            message(f"and {more:,} more problems", "soft")
        if inspected.first is not None:
            with st.expander("Speakers and first conversation", expanded=opened):
                _details(inspected, inspected.first)


def _details(inspected: LogInspection, first: Conversation) -> None:
    left_column, right_column = st.columns([3, 2])
    with left_column:
        st.dataframe(
            [
                {"in the log": one_line(word), "name": one_line(name), "role": role, "turns": count}
                for (word, name, role), count in inspected.speakers.most_common(_SPEAKERS)
            ],
            hide_index=True,
            height="content",
        )
    with right_column:
        message(first.id, "soft")
        chat(first.turns[:_TURNS])
        if (more := len(first.turns) - _TURNS) > 0:
            message(f"and {more:,} more turns", "soft")


def reading_form(previews: Sequence[Preview]) -> LogSettings:
    """Show the form for format, map of fields, assistants and redaction, and return its settings."""
    names = sorted(
        {
            name or word
            for preview in previews
            if preview.inspected is not None
            for word, name, _ in preview.inspected.speakers
            if one_line(name or word)
        }
    )
    left_column, right_column = st.columns(2)
    kinds = LOG_FORMATS.names
    chosen_format = left_column.selectbox(
        "Format", kinds, index=None, placeholder="recognised from the content", key="format"
    )
    assistant = right_column.multiselect(
        "Who is the assistant?",
        names,
        placeholder="recognised from the names",
        key="assistant",
        accept_new_options=True,
    )
    redact = st.toggle(
        "Replace personal data",
        key="redact",
        help="E-mail and postal addresses, phones, cards, national numbers, secrets, names that a word introduces and "
        "other personal data, before the judge or the store sees them. "
        "The uploaded file itself is not changed.",
    )
    return LogSettings(chosen_format, map_form(previews), tuple(assistant), redact)


def _counted(counts: Collection[tuple[str, int]]) -> str:
    """Return names with their counts; of a single one the name says enough."""
    if len(counts) == 1:
        return one_line(next(iter(counts))[0])
    return ", ".join(f"{one_line(name)} ({count:,})" for name, count in counts)

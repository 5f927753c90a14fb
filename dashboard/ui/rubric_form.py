"""A rubric as text to read, and as a form of fields or YAML to edit."""

from collections.abc import Mapping, Sequence
from textwrap import indent
from typing import Any

import streamlit as st

from convexplain.dashboard.services.rubric_files import as_fields, as_yaml, problems_by_field
from convexplain.rubrics import RubricProblem
from convexplain.types import Rubric

from .safe_text import chat, lines, message

_COLUMNS = {"criterion": st.column_config.TextColumn(width="large")}
_SCOPES = {"turn": "Each assistant turn is judged", "conversation": "Each conversation is judged once"}
_ROWS = {"title": 1, "category": 1, "id": 1, "requirement": 3}


def show_rubric(rubric: Rubric) -> None:
    """Show a rubric's requirement, labels, notes and examples."""
    lines(
        (rubric.requirement, "title"),
        (
            f"Id: {rubric.id}; category: {rubric.category}. A {rubric.scope} that scores below {rubric.threshold:g} is "
            "flagged.",
            "soft",
        ),
    )
    lines(*((f"{label.name} = {label.value:g}: {label.criterion}", "body") for label in rubric.labels))
    lines(*((f"Note: {note}", "soft") for note in rubric.notes))
    with st.expander(f"{len(rubric.examples)} examples that the judge reads"):
        for i, example in enumerate(rubric.examples, 1):
            message(f"{i}. {example.label}", "title")
            chat(example.turns, judged=None if rubric.of_conversation else len(example.turns) - 1)


def edit_yaml(name: str, text: str) -> str:
    """Show the rubric file as editable text; return the edited text."""
    return st.text_area("Rubric file", text, height=560, key=f"yaml-{name}")


def edit_fields(name: str, text: str) -> str:
    """Show one widget for each field, with its problems below it; return the edited file's text."""
    fields = as_fields(text)
    slots: dict[str, Any] = {}
    edited: dict[str, Any] = {}
    for field, rows in _ROWS.items():
        start = f"my_{fields[field]}"[:64] if field == "id" else fields[field]
        key = f"field-{name}-{field}"
        edited[field] = (
            st.text_input(_label(field), start, key=key)
            if rows == 1
            else st.text_area(_label(field), start, height=28 * rows + 12, key=key)
        )
        slots[field] = st.container()
    scope = st.selectbox(
        "Scope",
        _SCOPES,
        index=list(_SCOPES).index(fields.get("scope", "turn")),
        format_func=lambda name: _SCOPES[name],
        key=f"field-{name}-scope",
    )
    edited |= {"scope": scope} if scope != "turn" else {}
    slots["scope"] = st.container()
    st.caption("Labels: the answers that a judge may give; 1 = the requirement is satisfied")
    labels = st.data_editor(
        fields["labels"], num_rows="dynamic", hide_index=True, key=f"field-{name}-labels", column_config=_COLUMNS
    )
    edited["labels"] = [_without_empty(row) for row in labels if any(value is not None for value in row.values())]
    slots["labels"] = st.container()
    edited["threshold"] = st.number_input(
        "Threshold", value=fields["threshold"], step=0.05, key=f"field-{name}-threshold"
    )
    slots["threshold"] = st.container()
    examples = st.text_area("Examples (YAML)", as_yaml(fields["examples"]), height=260, key=f"field-{name}-examples")
    slots["examples"] = st.container()
    notes = st.text_area("Notes (one per line)", "\n".join(fields["notes"]), key=f"field-{name}-notes")
    edited["notes"] = [line.strip() for line in notes.splitlines() if line.strip()]
    slots["notes"] = st.container()
    edited_text = f"{as_yaml(edited)}examples:\n{indent(examples, '  ')}\n"
    for field, problems in problems_by_field(edited_text).items():
        with slots.get(field, slots["examples"]):  # only the examples are YAML of the person's own
            for problem in problems:
                message(problem.message, "error")
    return edited_text


def show_problems(problems: Sequence[RubricProblem], *, by_field: bool) -> None:
    """Show problems with their lines of the YAML, or only their number where the fields show them."""
    if by_field and problems:
        message(f"{len(problems)} fields are not valid; see the messages below them.", "error")
        return
    for problem in problems:
        line = f"line {problem.line}: " if problem.line is not None else ""
        message(f"{line}{problem.message}", "error")


def _without_empty(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if value is not None}


def _label(field: str) -> str:
    return field.capitalize() if field != "id" else "Id (small letters, digits and _)"

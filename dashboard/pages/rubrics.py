"""Read the maxims, edit a copy, try it on a turn, keep it."""

import streamlit as st

from convexplain.dashboard.services.rubric_files import check_rubrics, own_rubrics, save_rubric
from convexplain.dashboard.ui.plain import message
from convexplain.dashboard.ui.rubric_form import edit_fields, edit_yaml, show_problems, show_rubric
from convexplain.dashboard.ui.rubric_trial import try_on_turn
from convexplain.errors import RubricError, UsageError
from convexplain.rubrics import load_rubric, rubric_ids, rubric_problems, rubric_text

st.title("Rubrics")
own = {str(path): f"{path.stem} (your own)" for path in own_rubrics()}
titles = {name: load_rubric(name).title for name in rubric_ids()} | own
name = st.selectbox("Maxim", list(titles), format_func=lambda one: titles[one], key="rubric")
try:
    check_rubrics([name])  # a browser may send anything
except UsageError as error:
    message(str(error), "error")
    st.stop()
text = rubric_text(name)
reading, editing = st.tabs(["Read", "Edit a copy"])
with reading:
    try:
        show_rubric(load_rubric(name))
    except RubricError as error:
        message(str(error), "error")
with editing:
    way = st.segmented_control("As", ["Fields", "YAML"], default="Fields", key="way", label_visibility="collapsed")
    written = edit_yaml(name, text) if way == "YAML" or rubric_problems(text) else edit_fields(name, text)
    problems = rubric_problems(written)
    show_problems(problems, by_field=way != "YAML")
    left, right = st.columns(2)
    if left.button("Save as a rubric of my own", type="primary", disabled=bool(problems), width="stretch"):
        try:
            path = save_rubric(written)
        except RubricError as error:
            message(str(error), "error")
        else:
            message(f"Kept as {path}. Choose it on the page “Upload and run”, or name the file with --rubric.")
    right.download_button("Download", written, file_name="rubric.yaml", disabled=bool(problems), width="stretch")
    if not problems:
        try_on_turn(written)
